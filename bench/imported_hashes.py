#!/usr/bin/env python3
"""What a log-in costs whose password hash another system has made: time and memory.

Each hash is computed in a process of its own on one processor, as a function of 1,769 MB has: those
of Django's defaults, and the dearest that an import takes (`shared/src/user/foreign_hash.rs` and
`password_hash.rs`).
"""

import argparse
import base64
import os
import statistics
import subprocess

from sandbox import bootstrap
from service import table


def output(size):
    """A hash of this size that no password has."""
    return base64.b64encode(bytes(size)).decode()


def argon2(memory_kib, passes, lanes):
    salt = output(16).rstrip("=")
    return f"argon2$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output(32).rstrip('=')}"


def bcrypt(cost):
    return f"bcrypt_sha256$$2b${cost}${'.' * 53}"


def pbkdf2(digest, iterations):
    """In PHC's form, which has all digests."""
    size = {"sha1": 20, "sha256": 32, "sha512": 64}[digest]
    salt = output(16).rstrip("=")
    return f"$pbkdf2-{digest}$i={iterations}${salt}${output(size).rstrip('=')}"


def scrypt(n, r, p):
    return f"scrypt${n}$salt${r}${p}${output(64)}"


# Name, who makes it, and the hash.
HASHES = [
    ("Argon2id, m = 19,456, t = 2, p = 1", "the service", argon2(19_456, 2, 1).removeprefix("argon2")),
    ("PBKDF2-SHA256, 600,000", "Django 4.2", pbkdf2("sha256", 600_000)),
    ("PBKDF2-SHA256, 1,000,000", "Django 5.2", pbkdf2("sha256", 1_000_000)),
    ("PBKDF2-SHA256, 1,500,000", "Django 6.1", pbkdf2("sha256", 1_500_000)),
    ("Argon2id, m = 102,400, t = 2, p = 8", "Django", argon2(102_400, 2, 8)),
    ("bcrypt, cost 12", "Django", bcrypt(12)),
    ("scrypt, N = 16,384, r = 8, p = 5", "Django", scrypt(16_384, 8, 5)),
    ("PBKDF2-SHA1, 10,000,000", "the bound", pbkdf2("sha1", 10_000_000)),
    ("PBKDF2-SHA256, 10,000,000", "the bound", pbkdf2("sha256", 10_000_000)),
    ("PBKDF2-SHA512, 10,000,000", "the bound", pbkdf2("sha512", 10_000_000)),
    ("Argon2id, m = 1,048,576, t = 4, p = 1", "the bound", argon2(1_048_576, 4, 1)),
    ("Argon2id, m = 1,024, t = 4,096, p = 1", "the bound", argon2(1_024, 4_096, 1)),
    ("bcrypt, cost 15", "the bound", bcrypt(15)),
    ("scrypt, N = 1,048,576, r = 8, p = 2", "the bound", scrypt(1_048_576, 8, 2)),
    ("scrypt, N = 16,384, r = 8, p = 128", "the bound", scrypt(16_384, 8, 128)),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is computed")
    rounds = parser.parse_args().rounds
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results = {name: [] for name, *_ in HASHES}
    for _ in range(rounds):
        for name, _, text in HASHES:
            answer = subprocess.check_output([bootstrap("imported_hash"), text], text=True)
            results[name].append([float(number) for number in answer.split()])
    rows = []
    for name, maker, _ in HASHES:
        times, peaks = zip(*results[name])
        rows.append([name, maker, statistics.median(times), max(times), max(peaks)])
    table(["", "made by", "median, ms", "longest, ms", "peak memory, MB"], rows)


main()
