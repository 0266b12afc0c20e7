#!/usr/bin/env python3
"""What a call costs the processor once the sandbox is warm, beside the same work without us.

Counts instructions with callgrind, in which nothing else of the machine can interfere, and adds the
processor time that the kernel has counted.
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import tempfile

from sandbox import JWT_SECRET, Sandbox, bootstrap, event
from service import Service, table

PROFILE = "get_profile/200-profile"
# Each with what it is compared with, the event of its calls, and calls of one round.
FUNCTIONS = {
    "hello": (None, PROFILE, 100),
    "get_item": (None, PROFILE, 100),
    "get_profile": ("get_item", PROFILE, 100),
    "verify": (None, PROFILE, 4),
    "obtain_token": ("verify", "obtain_token/200-by-email", 4),
}
ROUNDS = 20


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with Service("--example", JWT_SECRET=JWT_SECRET) as service:
        variables = service.variables()
        instructions = {name: instructions_per_call(name, variables) for name in FUNCTIONS}
        microseconds = microseconds_per_call(variables)
    rows = [
        [
            f"`{name}`",
            instructions[name] / 1e3,
            instructions[name] / instructions[least] if least else "",
            microseconds[name],
            microseconds[name] / microseconds[least] if least else "",
            f"`{least}`" if least else "",
        ]
        for name, (least, *_) in FUNCTIONS.items()
    ]
    table(["", "instructions, thousands", "ratio", "processor time, µs", "ratio", "compared with"], rows)


def calls(sandbox, name, count):
    _, sample, _ = FUNCTIONS[name]
    request = event(sample)
    for _ in range(count):
        answer, _ = sandbox.call(request)
        if answer["statusCode"] != 200:
            raise SystemExit(f"{name} has answered {answer}")


def instructions_per_call(name, variables):
    """The difference between a short life and a long one, so that the start is not counted."""
    *_, count = FUNCTIONS[name]
    totals = []
    for total in (count, 3 * count):
        with tempfile.NamedTemporaryFile() as log:
            callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            with Sandbox([*callgrind, bootstrap(name)], variables, stderr=log.name) as sandbox:
                calls(sandbox, name, total)
            totals.append(int(re.search(r"Collected : (\d+)", pathlib.Path(log.name).read_text())[1]))
    return (totals[1] - totals[0]) / (2 * count)


def microseconds_per_call(variables):
    """Medians over rounds in which all take turns."""
    rounds = {name: [] for name in FUNCTIONS}
    with contextlib.ExitStack() as stack:
        start = lambda name: stack.enter_context(Sandbox([bootstrap(name)], variables))
        sandboxes = {name: start(name) for name in FUNCTIONS}
        for _ in range(1 + ROUNDS):
            for name, sandbox in sandboxes.items():
                *_, count = FUNCTIONS[name]
                before = sandbox.cpu_seconds()
                calls(sandbox, name, count)
                rounds[name].append((sandbox.cpu_seconds() - before) / count * 1e6)
    # The first round has warmed up what there is to warm up.
    return {name: statistics.median(values[1:]) for name, values in rounds.items()}


main()
