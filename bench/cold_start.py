#!/usr/bin/env python3
"""How long a new sandbox takes to its first request and to its first answer, and how large it is.

All are started in turns, on the engines of one `cargo dev`, so that whatever else the machine does
meets all of them.
"""

import argparse
import base64
import itertools
import json
import random
import statistics
import sys

from sandbox import JWT_SECRET, Sandbox, bootstrap, event, zipped_mb
from service import ROOT, Service, table

# All others are compared with it.
LEAST = "hello"
# Each with an event that it answers with success.
FUNCTIONS = {
    LEAST: "get_profile/200-profile",
    "hello_dynamodb": "get_profile/200-profile",
    "get_profile": "get_profile/200-profile",
    "create_user": "create_user/201-json",
    "obtain_token": "obtain_token/200-by-email",
    "update_profile": "update_profile/200-names",
}
NODE = ROOT / "bench" / "node" / "node_modules" / ".bin" / "aws-lambda-ric"
# The same as `hello`, by the runtime clients that AWS publishes.
INTERPRETED = {
    "hello, Node.js": ["node", NODE, "node/hello.handler"],
    "hello, Python": [sys.executable, "-m", "awslambdaric", "hello.handler"],
}
# Amazon Linux has one bundle of root certificates; Debian has it and a file for each of them, which
# `hello_dynamodb` would all read.
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
# Calls after which the memory is looked at once more.
CALLS = 100


class Subject:
    numbers = itertools.count()

    def __init__(self, name, command, sample):
        self.name, self.command, self.event = name, command, event(sample)
        self.first_request, self.first_answer, self.memory = [], [], []

    def start(self, variables):
        with Sandbox(self.command, variables) as sandbox:
            self.first_request.append(sandbox.asked * 1e3)
            self.first_answer.append(self.call(sandbox) * 1e3)
            self.memory.append(sandbox.peak_memory_mb())

    def memory_after(self, calls, variables):
        with Sandbox(self.command, variables) as sandbox:
            for _ in range(calls):
                self.call(sandbox)
            return sandbox.peak_memory_mb()

    def call(self, sandbox):
        """Makes one call, and returns when it was answered."""
        if self.name == "create_user":
            sign_up = {"email": f"{next(self.numbers)}@test.com", "password": "12345"}
            self.event["body"] = base64.b64encode(json.dumps(sign_up).encode()).decode()
        answer, at = sandbox.call(self.event)
        if answer["statusCode"] not in (200, 201):
            sys.exit(f"{self.name} has answered {answer}")
        return at


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=300, help="how often each is started")
    parser.add_argument("--only", nargs="+", help="functions to start, instead of all")
    parser.add_argument("--svg", help="file for a graph")
    arguments = parser.parse_args()
    subjects = [Subject(name, [bootstrap(name)], sample) for name, sample in FUNCTIONS.items()]
    subjects += [Subject(name, command, FUNCTIONS[LEAST]) for name, command in INTERPRETED.items()]
    if arguments.only:
        subjects = [subject for subject in subjects if subject.name in {LEAST, *arguments.only}]
    with Service("--example", JWT_SECRET=JWT_SECRET) as service:
        variables = service.variables() | {"SSL_CERT_FILE": ROOTS}
        for _ in range(arguments.starts):
            # A hash empties the caches, so a function must not always start after the same one.
            for subject in random.sample(subjects, len(subjects)):
                subject.start(variables)
        least = statistics.median(subjects[0].first_request)
        rows = []
        for subject in subjects:
            first_request = statistics.median(subject.first_request)
            compiled = len(subject.command) == 1
            rows.append(
                [
                    f"`{subject.name}`",
                    first_request,
                    first_request / least,
                    statistics.median(subject.first_answer),
                    statistics.median(subject.memory),
                    subject.memory_after(CALLS, variables),
                    *([subject.command[0].stat().st_size / 1e6, zipped_mb(subject.command[0])] if compiled else ["", ""]),
                ]
            )
    head = ["", "exec to first request, ms", f"times `{LEAST}`", "exec to first answer, ms"]
    table([*head, "peak memory, MB", f"after {CALLS} calls, MB", "bootstrap, MB", "zip, MB"], rows)
    if arguments.svg:
        draw(subjects, arguments.svg)


def draw(subjects, file):
    """Draws how the starts are distributed, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.5))
    for shift, color, label, attribute in [
        (0.17, "tab:blue", "exec to first request", "first_request"),
        (-0.17, "tab:orange", "exec to first answer", "first_answer"),
    ]:
        positions = [shift - number for number in range(len(subjects))]
        values = [getattr(subject, attribute) for subject in subjects]
        boxes = axes.boxplot(values, positions=positions, widths=0.28, orientation="horizontal", patch_artist=True, sym=".")
        for box in boxes["boxes"]:
            box.set_facecolor(color)
        boxes["boxes"][0].set_label(label)
    axes.set(xscale="log", xlabel="milliseconds", yticks=[-number for number in range(len(subjects))])
    axes.set_yticklabels([subject.name for subject in subjects])
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


main()
