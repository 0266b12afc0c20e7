#!/usr/bin/env python3
"""Loads `cargo dev`, and shows that it loses nothing, and what it does with more than it can hash.

First 64 clients do, one call after another, 1 sign-up to 4 log-ins, 20 reads and 1 update, of which
every other one is an avatar. Each answer is compared with what that client was told before, and in
the end every account is logged into and read again. Then comes an overload: ten times the log-ins
that can be hashed, beside a steady stream of reads.

Needs Linux, `cargo build -p local`, and what is in requirements.txt. Ends with an error if
anything was lost, or answered with what it must not be.
"""

import gevent.monkey

gevent.monkey.patch_all()

import argparse
import itertools
import pathlib
import sys
import time
import uuid

import gevent
import gevent.pool
from locust import FastHttpUser, constant_throughput, task
from locust.env import Environment
from urllib3.filepost import encode_multipart_formdata

from service import ROOT, Service

PASSWORD = "a password of the load test"
CLIENTS = 64
# Reads a second of each of as many clients, beside the overload.
READERS, READS = 4, 20


class Account:
    """One account, with the profile that it was last answered."""

    # Those whose sign-up was acknowledged.
    all = []

    def __init__(self):
        self.email = f"{uuid.uuid4()}@test.com"
        self.token = self.profile = None


class Client(FastHttpUser):
    abstract = True
    network_timeout = connection_timeout = 60.0

    def call(self, method, path, is_right, account=None, **content):
        """The answer. It is counted by its status, and as a failure unless it is right."""
        headers = content.pop("headers", {})
        if account and account.token:
            headers["Authorization"] = f"JWT {account.token}"
        with self.client.request(method, path, headers=headers, catch_response=True, **content) as answer:
            answer.request_meta["name"] = f"{path.rsplit('/', 1)[0]}/ {answer.status_code}"
            if is_right(answer):
                answer.success()
            else:
                answer.failure(f"{answer.status_code} {answer.text}")
            return answer

    def sign_up(self):
        account = Account()
        sign_up = {"email": account.email, "password": PASSWORD}
        self.call("POST", "/create_user/", lambda answer: answer.status_code == 201, json=sign_up)
        Account.all.append(account)
        return account

    def log_in(self, account, expected=(200,)):
        credentials = {"login": account.email, "password": PASSWORD}
        is_right = lambda answer: answer.status_code in expected
        answer = self.call("POST", "/obtain_token/", is_right, json=credentials)
        if answer.status_code == 200:
            account.token = answer.json()["token"]

    def read(self, account):
        is_right = lambda answer: answer.status_code == 200 and account.profile in (None, answer.json())
        account.profile = self.call("GET", "/get_profile/", is_right, account).json()


class Member(Client):
    """The mix, on an account that no other client uses."""

    updates = itertools.count()
    avatar = None

    def on_start(self):
        self.account = self.sign_up()
        self.log_in(self.account)
        self.read(self.account)

    @task(1)
    def signs_up(self):
        self.sign_up()

    @task(4)
    def logs_in(self):
        self.log_in(self.account)

    @task(20)
    def reads(self):
        self.read(self.account)

    @task(1)
    def updates_the_profile(self):
        number = next(self.updates)
        has_avatar = number % 2 == 0
        old, fields = self.account.profile, {"first_name": f"Name {number}"}
        file = {"avatar": ("avatar.png", self.avatar)} if has_avatar else {}
        body, content_type = encode_multipart_formdata(fields | file)

        def is_right(answer):
            new = answer.json() if answer.status_code == 200 else {}
            same = old | fields | {"avatar": new.get("avatar")} == new
            return same and (new["avatar"] != old["avatar"]) == has_avatar

        headers = {"Content-Type": content_type}
        answer = self.call("PUT", "/update_profile/", is_right, self.account, data=body, headers=headers)
        if answer.status_code == 200:
            self.account.profile = answer.json()


class Reader(Client):
    """Reads at a steady pace."""

    wait_time = constant_throughput(READS)

    def on_start(self):
        self.account = Account.all[0]

    @task
    def reads(self):
        self.read(self.account)


class Crowd(Client):
    """Logs in once a second, each to an account of its own."""

    accounts = None
    wait_time = constant_throughput(1)

    def on_start(self):
        self.account = next(self.accounts)

    @task
    def logs_in(self):
        self.log_in(self.account, expected=(200, 503))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "debug" / "local", help="the service")
    parser.add_argument("--seconds", type=int, default=600, help="how long the mix takes")
    parser.add_argument("--svg", type=pathlib.Path, help="file for a graph of the memory over that time")
    arguments = parser.parse_args()
    with Service(binary=arguments.binary) as service:
        Client.host, Member.avatar = service.url, service.file("avatar.png").read_bytes()
        memory = mixed(service, arguments.seconds)
        if arguments.svg:
            draw(memory, arguments.svg)
        verify()
        overload(service, arguments.seconds // 10)


def mixed(service, seconds):
    """The mix. Returns the memory of the service in MB, second by second."""
    memory = []

    def watch():
        while True:
            memory.append(service.memory_mb())
            gevent.sleep(1)

    print(f"{CLIENTS} clients for {seconds} s:", flush=True)
    watcher = gevent.spawn(watch)
    run(seconds, {Member: CLIENTS})
    watcher.kill()
    tenth = len(memory) // 10 or 1
    print(f"  memory {max(memory[:tenth]):.0f} MB in the first tenth, {max(memory[-tenth:]):.0f} MB in the last")
    return memory


def verify():
    """Logs into every account, and reads it and its avatar."""

    def check(account):
        client = Client(environment)
        client.log_in(account)
        client.read(account)
        if account.profile["avatar"]:
            is_picture = lambda answer: answer.status_code == 200 and answer.content[8:12] == b"WEBP"
            client.call("GET", account.profile["avatar"], is_picture)

    environment = observer()
    gevent.pool.Pool(CLIENTS).map(check, Account.all)
    stop_at_failures(environment)
    avatars = sum(bool(account.profile["avatar"]) for account in Account.all)
    print(f"  {len(Account.all)} accounts, {avatars} of them with an avatar, are as they were answered", flush=True)


def overload(service, seconds):
    """Ten times the log-ins that can be hashed, beside reads that are measured without them first."""
    readers = {Reader: READERS}
    print(f"Reads alone for {seconds} s:", flush=True)
    run(seconds, readers)

    client, some = Client(observer()), Account.all[:500]
    started = time.monotonic()
    gevent.pool.Pool(8).map(client.log_in, some)
    capacity = len(some) / (time.monotonic() - started)
    # A client that waits for a response logs in less than once a second.
    crowd = round(12 * capacity)
    if len(Account.all) < crowd:
        sys.exit(f"the overload takes {crowd} accounts: let the mix run for longer")
    print(f"{crowd} clients that log in, where {capacity:.0f} a second can, for {seconds} s:", flush=True)
    Crowd.accounts = iter(Account.all)
    run(seconds, readers | {Crowd: crowd})
    print(f"  memory {service.memory_mb():.0f} MB")

    print(f"Afterwards, all {crowd} again, {CLIENTS} at a time:", flush=True)
    environment = observer()
    # A log-in that was turned away has not been counted as a failed one: nobody is locked out.
    gevent.pool.Pool(CLIENTS).map(Client(environment).log_in, Account.all[:crowd])
    report(environment)
    stop_at_failures(environment)


def observer():
    """An environment that counts calls, which only one with a runner does."""
    environment = Environment()
    environment.create_local_runner()
    return environment


def run(seconds, clients):
    """Runs so many clients of each class for so long, and reports it."""
    for client, count in clients.items():
        client.fixed_count = count
    environment = Environment(user_classes=list(clients), stop_timeout=60)
    runner = environment.create_local_runner()
    total = sum(clients.values())
    runner.start(total, spawn_rate=total)
    gevent.sleep(seconds)
    runner.stop()
    report(environment)
    stop_at_failures(environment)


def report(environment):
    for (name, method), entry in sorted(environment.stats.entries.items()):
        p50, p99 = (entry.get_response_time_percentile(share) for share in (0.5, 0.99))
        print(
            f"  {method:4} {name:20} {entry.num_requests:7} calls, {entry.total_rps:5.0f} a second,"
            f" p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {entry.max_response_time:.0f} ms",
            flush=True,
        )


def stop_at_failures(environment):
    failures = [
        f"{error.occurrences} times {error.method} {error.name}: {error.error}"
        for error in environment.stats.errors.values()
    ]
    if environment.runner:
        failures += [str(failure) for failure in environment.runner.exceptions.values()]
    if failures:
        sys.exit("\n".join(failures))


def draw(memory, file):
    """Draws the memory over time, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3))
    axes.plot(memory)
    axes.set(xlabel="seconds", ylabel="resident memory, MB", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


main()
