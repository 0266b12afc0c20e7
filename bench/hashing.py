#!/usr/bin/env python3
"""How fast a password is hashed, beside the reference implementation in C.

Both take turns, a second each, on one processor. Needs the library of the reference: Debian's
libargon2-1.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import time

from sandbox import bootstrap
from service import table

# As in `shared/src/user/password_hash.rs`.
PASSES, MEMORY_KIB, LANES, BYTES = 2, 19_456, 1, 32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="seconds that each gets")
    rounds = parser.parse_args().rounds
    reference = ctypes.CDLL("libargon2.so.1").argon2id_hash_raw
    text = [ctypes.c_char_p, ctypes.c_size_t]
    reference.argtypes = [ctypes.c_uint32] * 3 + text * 3
    # One processor for both, and for what they start.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results = {"libargon2": [], "`argon2`, as `obtain_token` uses it": []}
    of_reference, of_ours = results.values()
    for _ in range(rounds):
        of_reference.append(1e3 / rate_of_reference(reference))
        runs, seconds = map(float, subprocess.check_output([bootstrap("hashing"), "1", "1"]).split())
        of_ours.append(1e3 * seconds / runs)
    least = statistics.median(of_reference)
    rows = [
        [name, statistics.median(values), min(values), statistics.median(values) / least]
        for name, values in results.items()
    ]
    table(["", "median, ms", "fastest round, ms", "ratio"], rows)


def rate_of_reference(hash_raw, seconds=1):
    """Hashes a second, as a program in C would have them made."""
    password, salt, output = b"a password of the benchmark", os.urandom(16), ctypes.create_string_buffer(BYTES)
    started, runs = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        error = hash_raw(PASSES, MEMORY_KIB, LANES, password, len(password), salt, len(salt), output, BYTES)
        if error:
            raise SystemExit(f"libargon2 failed: {error}")
        runs += 1
    return runs / (time.perf_counter() - started)


main()
