#!/usr/bin/env python3
"""How many sandboxes log-ins need on Lambda, and what happens to a sudden crowd.

A simulation: log-ins arrive at random (a Poisson process). A sandbox has one at a time. Whoever
finds none idle gets a new one, unless there are as many as the account may have, or they would be
made faster than Lambda makes them: then Lambda refuses it, with a 429 of which API Gateway makes a 5xx.

What is measured elsewhere is an argument; docs/performance.md says where each number is from.
"""

import argparse
import collections
import heapq
import random

from service import table

# Log-ins a second.
RATES = [10, 100, 1_000, 10_000]
# Those that come out of nowhere.
CROWDS = [100, 1_000, 3_000, 10_000, 20_000]
MEMORIES_MB = [512, 1_024, 1_769, 3_008]
# A function with this much has one processor, and with less that share of one
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). One log-in uses no second.
PROCESSOR_MB = 1_769
# New sandboxes of one function that Lambda makes at once, and how many more it then makes a second
# (https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html).
BURST, REFILL = 1_000, 100
# Requests a second for each sandbox that there may be, those that have yet to be made included
# (https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html).
REQUESTS = 10
# Seconds of each simulation, and those of them that it takes to settle.
SECONDS, SETTLING = 20, 10
COLD, WARM, REFUSED = "cold", "warm", "refused"


class Function:
    """`obtain_token` with some memory; times in seconds."""

    def __init__(self, arguments, memory_mb):
        share = min(1, memory_mb / PROCESSOR_MB)
        self.memory_mb = memory_mb
        self.computing = arguments.hash_ms / 1e3 / share
        self.waiting = arguments.wait_ms / 1e3
        self.start = arguments.cold_ms / 1e3 / share

    def log_in(self, some):
        """How long one takes: the wait for DynamoDB differs."""
        return self.computing + some.expovariate(1 / self.waiting)

    def mean(self):
        return self.computing + self.waiting


def simulate(function, rate, limit, seconds, allowance=BURST):
    """Log-ins at so many a second, where there is no sandbox yet.

    Yields for each: when it came, how many were being answered before it, and what came of it: COLD,
    WARM or REFUSED.
    """
    some = random.Random(1)
    most = allowance
    now, busy, idle, asked = 0.0, [], 0, collections.Counter()
    while True:
        step = some.expovariate(rate)
        now += step
        if now >= seconds:
            return
        allowance = min(most, allowance + step * REFILL)
        while busy and busy[0] <= now:
            heapq.heappop(busy)
            idle += 1
        concurrent = len(busy)
        asked[int(now)] += 1
        is_new = not idle
        too_many = asked[int(now)] > REQUESTS * min(limit, most + now * REFILL)
        if too_many or is_new and (concurrent >= limit or allowance < 1):
            yield now, concurrent, REFUSED
            continue
        idle -= not is_new
        allowance -= is_new
        heapq.heappush(busy, now + is_new * function.start + function.log_in(some))
        yield now, concurrent, COLD if is_new else WARM


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hash-ms", type=float, default=16, help="processor time of a log-in, most of it the hash")
    parser.add_argument("--wait-ms", type=float, default=10, help="mean wait of a log-in for DynamoDB")
    parser.add_argument("--cold-ms", type=float, default=250, help="start of a sandbox with one processor")
    parser.add_argument("--limit", type=int, default=1_000, help="sandboxes that the account may have")
    parser.add_argument("--svg", help="file for a graph")
    arguments = parser.parse_args()
    functions = [Function(arguments, memory_mb) for memory_mb in MEMORIES_MB]
    steady = {function: [most_at_once(function, rate) for rate in RATES] for function in functions}
    head = ["MB", "ms", "GB-seconds of 1,000", *(f"at {rate:,} a second" for rate in RATES)]
    rows = []
    for function, needed in steady.items():
        seconds = function.mean()
        rows.append([function.memory_mb, seconds * 1e3, seconds * 1e3 * function.memory_mb / 1_024, *needed])
    table(head, rows)
    print()
    function = Function(arguments, PROCESSOR_MB)
    bursts = {(limit, rate): burst(function, rate, limit) for limit in (arguments.limit, 10 * arguments.limit) for rate in CROWDS}
    head = ["sandboxes allowed", "log-ins a second", "used", "cold in the first second", "refused in it", "refused in the tenth"]
    table(head, [[f"{limit:,}", f"{rate:,}", *summary(seconds)] for (limit, rate), seconds in bursts.items()])
    if arguments.svg:
        draw(steady, bursts, arguments.svg)


def most_at_once(function, rate):
    """How many are being answered at once, but for one moment in a hundred."""
    # Lambda's limits are not looked at, only how many it takes.
    calls = simulate(function, rate, 10**9, SECONDS, allowance=10**9)
    found = sorted(concurrent for now, concurrent, _ in calls if now > SETTLING)
    return found[round(0.99 * (len(found) - 1))]


def burst(function, rate, limit):
    """The outcomes of each second's log-ins, and the most sandboxes that were used in it."""
    seconds = [(collections.Counter(), []) for _ in range(SECONDS)]
    for now, concurrent, outcome in simulate(function, rate, limit, SECONDS):
        outcomes, used = seconds[int(now)]
        outcomes[outcome] += 1
        used.append(concurrent + (outcome != REFUSED))
    return [(outcomes, max(used)) for outcomes, used in seconds]


def share(second, outcome):
    outcomes, _ = second
    return outcomes[outcome] / outcomes.total()


def summary(seconds):
    first, tenth = seconds[0], seconds[9]
    shares = [share(first, COLD), share(first, REFUSED), share(tenth, REFUSED)]
    return [max(used for _, used in seconds), *(f"{value:.1%}" for value in shares)]


def draw(steady, bursts, file):
    """Draws the sandboxes that are needed, and the log-ins that are refused, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.5))
    for function, needed in steady.items():
        # More than one processor makes no log-in faster.
        if function.memory_mb <= PROCESSOR_MB:
            left.plot(RATES, needed, "o-", label=f"{function.memory_mb:,} MB")
    left.axhline(min(limit for limit, _ in bursts), color="black", linewidth=1, linestyle="dashed")
    left.set(xscale="log", yscale="log", xlabel="log-ins a second", ylabel="sandboxes; dashed: may have")
    for (limit, rate), seconds in bursts.items():
        if any(share(second, REFUSED) for second in seconds):
            refused = [share(second, REFUSED) * 100 for second in seconds]
            right.plot(range(1, SECONDS + 1), refused, label=f"{rate:,} a second, {limit:,} sandboxes")
    right.set(xlabel="seconds since the crowd came", ylabel="% refused", ylim=(0, 100), xticks=range(0, SECONDS + 1, 5))
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


main()
