#!/usr/bin/env python3
"""Imports users into an engine, beside the same transactions bare, and kills an import again and again.

First a small import and as many bare transactions take turns on an empty engine, then one process
imports all users, then both take turns again on the engine that has them: memory and rate must not
depend on how many there are. At last another import is killed at random moments until it is done.

Needs Linux, `cargo build --release -p local -p admin` and `cargo build --release -p bench --example
bare_transactions`. Ends with an error if anything was lost, or written twice.
"""

import argparse
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from service import ROOT, Service, memory_mb, table

HASH = "pbkdf2_sha256$12000$RmyPNTVSqoTmXfl4iVtQFU$tWplSfPFp5J77qtGtBwoaLouT+5AY0f9MC3LIM7ALJo="
ROUNDS = 5


def write_users(file, numbers):
    """Writes users as `dumpdata` does: an array on one line."""
    with file.open("w") as out:
        for number in numbers:
            fields = {
                "password": HASH,
                "last_login": "2026-11-01T08:00:00Z",
                "is_superuser": False,
                "username": f"User_{number}",
                "first_name": "Ада",
                "last_name": "Лавлейс",
                "email": f"User_{number}@test.com",
                "is_active": True,
                "date_joined": "2020-01-01T00:00:00Z",
                "groups": [],
            }
            entry = {"model": "auth.user", "pk": number, "fields": fields}
            out.write("[" if number == numbers[0] else ", ")
            out.write(json.dumps(entry))
        out.write("]")


class Import:
    """A running import."""

    def __init__(self, binary, service, file):
        command = [binary, "--local", service.folder.name, "import", file, "--output", "json"]
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # How many entries were read, and after how many seconds.
        self.progress = []
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.process.stderr:
            if read := re.match(r"([\d,]+) read", line):
                self.progress.append((int(read[1].replace(",", "")), time.monotonic() - self.start))

    def end(self):
        """Returns its output, its seconds, and the most memory that it had in MB."""
        peak = 0.0
        while self.process.poll() is None:
            try:
                peak = max(peak, memory_mb(self.process.pid, "VmHWM"))
            except (FileNotFoundError, TypeError):
                pass  # It has just ended.
            time.sleep(0.1)
        took = time.monotonic() - self.start
        if self.process.returncode:
            sys.exit(f"the import ended with {self.process.returncode}")
        return json.loads(self.process.stdout.read()), took, peak


def take_turns(binaries, service, files, count):
    """The rates of imports and of bare transactions, in turns."""
    rates = [], []
    for file in files:
        counts, took, _ = Import(binaries["admin"], service, file).end()
        if counts["created"] != count:
            sys.exit(f"not all were created: {counts}")
        rates[0].append(count / took)
        bare = subprocess.run(
            [binaries["bare"], str(count)], env=service.variables(), capture_output=True, text=True, check=True
        )
        rates[1].append(count / float(bare.stdout))
    return rates


def kill(binaries, folder, users, times):
    """Kills an import at random moments, and then lets it come to its end."""
    file = folder / "killed.json"
    write_users(file, range(1, users + 1))
    with Service(binary=binaries["local"]) as service:
        run = lambda *arguments: subprocess.run(
            [binaries["admin"], "--local", service.folder.name, *arguments, "--output", "json"],
            capture_output=True,
            text=True,
        )
        started = time.monotonic()
        for _ in range(times):
            running = Import(binaries["admin"], service, file)
            # The whole takes some seconds more than all of these.
            time.sleep(random.uniform(0.05, 0.4))
            running.process.kill()
            running.process.wait()
        last = Import(binaries["admin"], service, file).end()[0]
        whole = time.monotonic() - started
        listed = run("list", "--all").stdout.splitlines()
        checked = run("check")
        names = {json.loads(line)["username"] for line in listed}
        if len(listed) != users or len(names) != users or checked.returncode:
            sys.exit(f"{len(listed)} accounts, {len(names)} names, check: {checked.returncode} {checked.stdout}")
    print(
        f"Killed {times} times in {whole:.0f} s: the last import created {last['created']:,} of {users:,} and "
        f"skipped {last['skipped']:,}; {len(names):,} accounts, and `check` finds nothing."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--turn", type=int, default=20_000, help="users of an import that takes turns")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target" / "release", help="folder of the binaries")
    parser.add_argument("--svg", help="file for a graph")
    arguments = parser.parse_args()
    binaries = {
        "local": arguments.bin / "local",
        "admin": arguments.bin / "accounts-admin",
        "bare": arguments.bin / "examples" / "bare_transactions",
    }
    with tempfile.TemporaryDirectory() as folder, Service(binary=binaries["local"]) as service:
        folder = pathlib.Path(folder)
        turns = []
        for turn in range(2 * ROUNDS):
            turns.append(folder / f"turn-{turn}.json")
            first = 10_000_000 + turn * arguments.turn
            write_users(turns[-1], range(first, first + arguments.turn))
        file = folder / "users.json"
        write_users(file, range(1, arguments.users + 1))

        empty = take_turns(binaries, service, turns[:ROUNDS], arguments.turn)
        whole = Import(binaries["admin"], service, file)
        counts, took, peak = whole.end()
        if counts["created"] != arguments.users:
            sys.exit(f"not all were created: {counts}")
        full = take_turns(binaries, service, turns[ROUNDS:], arguments.turn)
        rows = [
            [name, *map(statistics.median, rates), statistics.median(a / b for a, b in zip(*rates))]
            for name, rates in [("empty", empty), (f"{arguments.users:,} users", full)]
        ]
        table(["Engine", "Import, accounts a second", "Bare transactions a second", "Ratio"], rows)
        print(f"One import of {arguments.users:,}: {took:,.0f} s, at most {peak:.0f} MB of memory.")
        if arguments.svg:
            draw(whole.progress, arguments.svg)
        kill(binaries, folder, 20_000, arguments.kills)


def draw(progress, svg):
    """Draws the rate over the number of accounts that were there."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    rates = [
        (count, (count - before) / (at - then))
        for (before, then), (count, at) in zip(progress, progress[1:])
    ]
    figure, axes = pyplot.subplots(figsize=(7, 3))
    axes.plot(*zip(*rates))
    axes.set(xlabel="accounts imported", ylabel="accounts a second", ylim=(0, None))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.savefig(svg, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
