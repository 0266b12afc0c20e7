#!/usr/bin/env python3
"""How long each call takes with 10, 1,000, 100,000 and 1,000,000 users.

Each size has a service of its own, and they are measured in turns: one client asks one thing after
another, for accounts in the order in which they were made, and then at random. What differs between
the sizes is the engine that stands in for DynamoDB (SQLite), with which the functions have as many
calls to make at any size.

Needs what is in requirements.txt. The accounts are copies of one that has signed up, written into
the engine's file while nothing else is asked: 3,000,000 items take too long by its HTTP interface.
"""

import argparse
import collections
import contextlib
import http.client
import itertools
import json
import random
import sqlite3
import statistics
import sys
import time
import urllib.parse
import uuid

import jwt

from service import RELEASE, Service, table

SIZES = [10, 1_000, 100_000, 1_000_000]
# Accounts that are made at a time.
BATCH = 100_000
PASSWORD = "a password of the benchmark"
# Calls of each kind: some seconds of each.
CALLS = {"get_profile": 2_000, "update_profile": 500, "obtain_token": 300, "create_user": 300}
# Calls until it is another size's turn: how fast a processor is that has other tenants changes within
# seconds.
TURN = 20


class Account:
    """The account of a number, which is always the same one."""

    def __init__(self, number):
        self.uuid = str(uuid.UUID(int=random.Random(number).getrandbits(128), version=4))
        self.username = f"user-{number:07}"
        self.email = f"{self.username}@test.com"


class Client:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)

    def call(self, method, path, expected, body=None, token=None):
        """The answer, which must have this status, and how many milliseconds it took."""
        headers = {"Content-Type": "application/json"} if body else {}
        if token:
            headers["Authorization"] = f"JWT {token}"
        started = time.perf_counter()
        self.connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self.connection.getresponse()
        text = response.read()
        took = (time.perf_counter() - started) * 1e3
        if response.status != expected:
            sys.exit(f"{method} {path} was answered {response.status} {text.decode()}")
        return json.loads(text), took

    def sign_up(self, account):
        body = {"email": account.email, "username": account.username, "password": PASSWORD}
        return self.call("POST", "/create_user/", 201, body)

    def log_in(self, account):
        return self.call("POST", "/obtain_token/", 200, {"login": account.email, "password": PASSWORD})


class Subject:
    """The service with some number of users."""

    # Those that sign up while it is measured come after all that are copied.
    newcomers = itertools.count(max(SIZES))

    def __init__(self, service):
        self.client = Client(service.url)
        self.engine = sqlite3.connect(service.file("dynamodb.sqlite"), isolation_level=None)
        self.engine.execute("PRAGMA cache_size = -256000")
        self.engine.execute("PRAGMA synchronous = OFF")
        self.users = 1
        self.template = Account(0)
        self.client.sign_up(self.template)
        token = self.client.log_in(self.template)[0]["token"]
        self.claims = jwt.decode(token, options={"verify_signature": False})
        self.kid = jwt.get_unverified_header(token)["kid"]
        self.secret = service.variables()["JWT_SECRET"]
        # Whose items are copied.
        self.template.uuid = self.claims["user_id"]
        self.items = {
            name: self.engine.execute(f'SELECT * FROM "accounts-{name}"').fetchall() for name in ("users", "logins")
        }

    def fill(self, users):
        """Copies the first account until there are so many."""
        self.engine.execute("BEGIN IMMEDIATE")
        for first in range(self.users, users, BATCH):
            accounts = [Account(number) for number in range(first, min(first + BATCH, users))]
            for name, items in self.items.items():
                # By key, which is faster.
                copies = sorted(copy(item, self.template, account) for account in accounts for item in items)
                marks = ", ".join("?" * len(items[0]))
                self.engine.executemany(f'INSERT INTO "accounts-{name}" VALUES ({marks})', copies)
        self.engine.execute("COMMIT")
        if self.engine.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            sys.exit("the engine has kept the log from being written back")
        self.users = users

    def megabytes(self):
        pages, size = (self.engine.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return pages * size / 1e6

    def token(self, account):
        claims = self.claims | {"user_id": account.uuid, "username": account.username, "email": account.email}
        return jwt.encode(claims, self.secret, headers={"kid": self.kid})

    def account(self, number):
        return self.template if number == 0 else Account(number)

    def order(self, kind, count):
        """So many accounts, one after another from somewhere, or at random."""
        some = random.Random(count)
        if kind == "random":
            return [self.account(some.randrange(self.users)) for _ in range(count)]
        start = some.randrange(self.users)
        return [self.account((start + number) % self.users) for number in range(count)]

    def measure(self, call, kind):
        """How many milliseconds each call takes, which is made when that is asked for."""
        for number, account in enumerate(self.order(kind, CALLS[call])):
            if call == "get_profile":
                yield self.read(account, self.token(account))
            elif call == "update_profile":
                name = {"first_name": f"Name {number}"}
                yield self.client.call("PUT", "/update_profile/", 200, name, self.token(account))[1]
            elif call == "obtain_token":
                yield self.client.log_in(account)[1]
            else:
                yield self.client.sign_up(Account(next(self.newcomers)))[1]

    def read(self, account, token):
        profile, took = self.client.call("GET", "/get_profile/", 200, token=token)
        if profile["email"] != account.email:
            sys.exit(f"the profile of {account.email} is {profile}")
        return took


def copy(item, template, account):
    """An item of one account, as if it were another's."""

    def changed(value):
        if not isinstance(value, str):
            return value
        for old, new in [
            (template.uuid, account.uuid),
            # The address begins with it.
            (template.username, account.username),
        ]:
            value = value.replace(old, new)
        return value

    return tuple(map(changed, item))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=RELEASE, help="the service")
    parser.add_argument("--users", type=int, default=max(SIZES), help="how many there are in the end")
    parser.add_argument("--svg", help="file for a graph")
    arguments = parser.parse_args()
    sizes = [size for size in SIZES if size <= arguments.users]
    kinds = ["in order", "random"]
    # A sign-up has no account yet.
    cases = [(call, kind) for call in CALLS for kind in (kinds if call != "create_user" else ["new"])]
    with contextlib.ExitStack() as stack:
        subjects = []
        for size in sizes:
            started = time.monotonic()
            subject = Subject(stack.enter_context(Service(binary=arguments.binary)))
            subject.fill(size)
            print(f"{size:,} users, {subject.megabytes():,.1f} MB, made in {time.monotonic() - started:.0f} s", file=sys.stderr)
            # So that none is the first of its kind.
            collections.deque(subject.measure("get_profile", "random"), maxlen=0)
            subjects.append(subject)
        times = {case: list(map(percentiles, in_turns(subjects, *case))) for case in cases}
    head = ["", "accounts", *(f"{size:,} users" for size in sizes), "largest / smallest"]
    table(
        head,
        [
            [f"`{call}`", kind, *(f"{p50:.3g} / {p99:.3g}" for p50, p99 in found), found[-1][0] / found[0][0]]
            for (call, kind), found in times.items()
        ],
    )
    if arguments.svg:
        draw(sizes, times, arguments.svg)


def in_turns(subjects, call, kind):
    """How many milliseconds each call of each subject takes."""
    times = [[] for _ in subjects]
    running = [(found, subject.measure(call, kind)) for found, subject in zip(times, subjects)]
    for _ in range(0, CALLS[call], TURN):
        for found, measured in random.sample(running, len(running)):
            found.extend(itertools.islice(measured, TURN))
    return times


def percentiles(values):
    hundredths = statistics.quantiles(values, n=100)
    return hundredths[49], hundredths[98]


def draw(sizes, times, file):
    """Draws median and 99th percentile over the number of users, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    for color, call in zip(["tab:blue", "tab:orange", "tab:green", "tab:red"], CALLS):
        # The last, which is at random where there is a choice.
        found = [found for (of, _), found in times.items() if of == call][-1]
        axes.plot(sizes, [p50 for p50, _ in found], "o-", color=color, label=call)
        axes.plot(sizes, [p99 for _, p99 in found], "o:", color=color)
    axes.set(xscale="log", yscale="log", xlabel="users", ylabel="milliseconds: median, dotted the 99th percentile")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


main()
