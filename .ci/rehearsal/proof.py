"""Runs steps and proofs, and fails a proof."""

import time


def step(name, run, *arguments):
    """Runs a step that all later ones need, prints how long it took, and returns its result."""
    started = time.monotonic()
    result = run(*arguments)
    print(f"done    {name}: {time.monotonic() - started:.0f} s", flush=True)
    return result


def proved(name, proof, stack):
    """Runs `proof` on `stack`, prints its line, and returns whether it held.

    A proof returns a summary of what it has shown, or raises.
    """
    started = time.monotonic()
    try:
        result, summary = "proved", proof(stack)
    except Exception as error:
        result, summary = "FAILED", f"{type(error).__name__}: {error}"
    print(f"{result}  {name}: {summary} ({time.monotonic() - started:.0f} s)", flush=True)
    return result == "proved"


def check(condition, message):
    """Fails the proof unless `condition` holds; an `assert` would be gone under `python -O`."""
    if not condition:
        raise AssertionError(message)


def poll(seconds, what, ask):
    """Calls `ask` until it returns a true value, and returns that."""
    deadline = time.monotonic() + seconds
    while not (result := ask()):
        check(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return result
