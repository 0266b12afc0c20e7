#!/usr/bin/env python3
"""Requests a second of the whole service, beside the same endpoints in Django REST Framework.

Both run at once on this machine and are asked in turns, each endpoint alone and then the mix: 1
sign-up to 4 log-ins, 20 reads and 1 update, of which every other one is an avatar.

Needs wrk (Debian's package), and what is in requirements.txt. Ends with an error if anything was
answered with another status than it should be.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from service import RELEASE, Server, Service, table

FOLDER = pathlib.Path(__file__).parent
PASSWORD = "a password of the benchmark"
ACCOUNTS, CONNECTIONS, CORES = 64, 16, os.cpu_count()
PROFILE = ["uuid", "username", "email", "first_name", "last_name", "patronymic", "avatar"]
LOG_IN = "`obtain_token`"
# Calls by their shares, and the statuses that they are answered with.
CASES = {
    "`create_user`": ({"create_user": 1}, {201}),
    LOG_IN: ({"obtain_token": 1}, {200}),
    "`get_profile`": ({"get_profile": 1}, {200}),
    "`update_profile`, a name": ({"rename": 1}, {200}),
    "`update_profile`, an avatar": ({"upload": 1}, {200}),
    "the mix": ({"create_user": 2, "obtain_token": 8, "get_profile": 40, "rename": 1, "upload": 1}, {200, 201}),
}
# Ways to run gunicorn: kind of worker, workers, threads of each.
SETUPS = [("sync", workers, 1) for workers in (2, 3, 4, 5)] + [
    ("gthread", workers, threads) for workers in (2, 3, 4) for threads in (2, 4, 8)
]

# Past any proxy.
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Django(Server):
    """The same endpoints by gunicorn."""

    def __init__(self, kind, workers, threads):
        super().__init__()
        options = {"worker-class": kind, "workers": workers, "threads": threads, "worker-tmp-dir": "/dev/shm"}
        self.start(
            [sys.executable, "-m", "gunicorn", "--preload", "--bind", "127.0.0.1:0", "--chdir", FOLDER]
            + [f"--{name}={value}" for name, value in options.items()]
            + ["django_accounts:application"],
            "stderr",
            env=os.environ | {"ACCOUNTS_FOLDER": self.folder.name, "JWT_SECRET": secrets.token_hex(32)},
            process_group=0,
        )


class Subject:
    """One of the two, with accounts, and what was measured."""

    runs = itertools.count(1)

    def __init__(self, name, server, avatar):
        self.name, self.server = name, server
        self.results = {case: [] for case in CASES}
        self.memory = 0
        self.data = tempfile.TemporaryDirectory()
        logins = [{"login": f"{secrets.token_hex(8)}@test.com", "password": PASSWORD} for _ in range(ACCOUNTS)]
        # As many at once as there are processors to hash.
        with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
            tokens = list(pool.map(self.member, logins))
        self.file("logins").write_text("".join(json.dumps(login) + "\n" for login in logins))
        self.file("tokens").write_text("".join(token + "\n" for token in tokens))
        self.file("avatar").write_bytes(avatar)

    def file(self, name):
        return pathlib.Path(self.data.name, name)

    def ask(self, method, path, expected, body=None, token=None):
        """The body of an answer, which must have this status."""
        request = urllib.request.Request(self.server.url + path, method=method)
        if token:
            request.add_header("Authorization", f"JWT {token}")
        if body:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            answer = HTTP.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read().decode()
        if answer.status != expected:
            sys.exit(f"{self.name} has answered {method} {path} with {answer.status} {text}")
        return json.loads(text)

    def member(self, login):
        """Signs up, and returns a token."""
        sign_up = {"email": login["login"], "password": login["password"]}
        self.must_be({"message": "User succesfully created"}, self.ask("POST", "/create_user/", 201, sign_up))
        return self.ask("POST", "/obtain_token/", 200, login)["token"]

    def must_be(self, expected, answer):
        if answer != expected:
            sys.exit(f"{self.name} has answered {answer} and not {expected}")

    def check(self):
        """Whether it answers as `docs/api.md` says, as far as the comparison goes."""
        login = json.loads(self.file("logins").read_text().splitlines()[0])
        token = self.file("tokens").read_text().splitlines()[0]
        wrong = {"error": "Please provide right login and a password"}
        self.must_be(wrong, self.ask("POST", "/obtain_token/", 401, login | {"password": "wrong"}))
        anonymous = {"detail": "Authentication credentials were not provided."}
        self.must_be(anonymous, self.ask("GET", "/get_profile/", 401))
        profile = self.ask("GET", "/get_profile/", 200, token=token)
        self.must_be(PROFILE, list(profile))
        self.must_be([login["login"], None, None, None, None], list(profile.values())[2:])
        renamed = self.ask("PUT", "/update_profile/", 200, {"first_name": "Ada"}, token)
        self.must_be(profile | {"first_name": "Ada"}, renamed)
        refusal = {"detail": "Invalid signature."}
        self.must_be(refusal, self.ask("PUT", "/update_profile/", 400, {"email": "ada@test.com"}, token))

    def load(self, case, seconds):
        """Asks for so long, and returns what wrk says of it."""
        shares, expected = CASES[case]
        answer = subprocess.run(
            ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
            + ["--timeout", "30s", "--script", FOLDER / "throughput.lua", self.server.url, "--"]
            + [self.data.name, str(next(self.runs)), *(f"{call}={share}" for call, share in shares.items())],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(answer.stdout.splitlines()[-1])
        if result["broken"] or {*map(int, result["statuses"])} != expected:
            sys.exit(f"{self.name} has answered {case} with {result}")
        return result

    def measure(self, case, seconds):
        cpu_before = cpu_seconds(self.server.process.pid)
        result = self.load(case, seconds)
        cpu = cpu_seconds(self.server.process.pid) - cpu_before
        result["cpu_ms"] = cpu * 1e3 / sum(result["statuses"].values())
        self.memory = max(self.memory, memory_mb(self.server.process.pid))
        self.results[case].append(result)
        return result

    def median(self, case, key):
        return statistics.median(result[key] for result in self.results[case])


def processes(pid):
    """A process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *itertools.chain.from_iterable(map(processes, children))]


def memory_mb(pid):
    """Memory of a process and its children in MB. Shared memory is counted once (PSS)."""
    rollups = (pathlib.Path(f"/proc/{one}/smaps_rollup").read_text() for one in processes(pid))
    return sum(int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) for rollup in rollups) * 1024 / 1e6


def cpu_seconds(pid):
    """Processor time of a process and its children so far."""
    # After the name, which may hold spaces.
    stats = (pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in processes(pid))
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=RELEASE, help="the service")
    parser.add_argument("--seconds", type=int, default=8, help="how long each measurement takes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is made")
    parser.add_argument("--setup", nargs=3, metavar=("KIND", "WORKERS", "THREADS"), default=("gthread", 3, 2), help="of gunicorn")
    parser.add_argument("--setups", action="store_true", help="find out which setup of gunicorn is fastest, and nothing else")
    parser.add_argument("--svg", help="file for a graph")
    arguments = parser.parse_args()
    with Service(binary=arguments.binary) as service:
        avatar = service.file("avatar.png").read_bytes()
        if arguments.setups:
            compare_setups(avatar, arguments.seconds)
            return
        with Django(*arguments.setup) as django:
            subjects = [Subject("Django", django, avatar), Subject("the service", service, avatar)]
            compare(subjects, arguments)


def compare_setups(avatar, seconds):
    """Each setup of gunicorn on its own: the read, the log-in and the mix."""
    cases = ["`get_profile`", LOG_IN, "the mix"]
    rows = []
    for setup in SETUPS:
        with Django(*setup) as django:
            subject = Subject("Django", django, avatar)
            rates = [subject.measure(case, seconds)["per_second"] for case in cases]
        kind, workers, threads = setup
        rows.append([f"{workers} {kind}" + (f" × {threads}" if threads > 1 else ""), *rates, subject.memory])
    table(["Workers", *(f"{case}, a second" for case in cases), "memory, MB"], rows)


def compare(subjects, arguments):
    for subject in subjects:
        subject.check()
    django, service = subjects
    for number in range(arguments.rounds):
        for case in CASES:
            # Neither is always the first.
            for subject in subjects[:: (-1) ** number]:
                subject.measure(case, arguments.seconds)
    rows = []
    for case in CASES:
        rates = [subject.median(case, "per_second") for subject in (service, django)]
        times = [subject.median(case, key) for key in ("p50_ms", "p99_ms", "cpu_ms") for subject in (service, django)]
        rows.append([case, *rates, rates[0] / rates[1], *times])
    head = ["", "a second", "Django", "ratio", "p50, ms", "Django", "p99, ms", "Django", "processor, ms", "Django"]
    table(head, rows)
    print(f"\nMemory: {service.memory:.0f} MB, Django {django.memory:.0f} MB.")
    if arguments.svg:
        draw(rows, arguments.svg)


def draw(rows, file):
    """Draws the ratios of requests a second, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3))
    bars = axes.barh([row[0].replace("`", "") for row in rows], [row[3] for row in rows])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="requests a second, times those of Django")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


main()
