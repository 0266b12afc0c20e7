"""Proves what the log of all requests so far holds, how long it is, and what CloudWatch counts in it."""

import json
import re

from proof import check
from template import template

# Strings that must not be in the log: parts of the addresses, passwords and tokens of the tests.
SECRETS = ["@test.com", "analytical engine", "rehearsal password", "$argon2", "JWT ", "eyJ"]

# Lines of the emulator that Lambda does not write at the template's level of the system's log.
OF_THE_SYSTEM = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")

# CloudWatch charges for so many bytes beside the text of each line.
BYTES_A_LINE = 26
MAX_BYTES_A_CALL = 700

# Metrics that no request of the rehearsal raises.
UNRAISED = {"Failures"}


def lines(stack):
    """Returns the lines that the functions have written."""
    logs = stack.emulator.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["FunctionLogs"])
    messages = [event["message"] for page in pages for event in page["events"]]
    return [message for message in messages if not message.startswith(OF_THE_SYSTEM)]


def logs_without_secrets(stack):
    """The log of all requests so far holds no address, password or token."""
    messages = lines(stack)
    for message in messages:
        for secret in SECRETS:
            check(secret.lower() not in message.lower(), f"{secret!r} in {message!r}")
    return f"{len(messages)} lines"


def short_logs(stack):
    """A request takes one line of each log, and both together are short."""
    level = template()["Globals"]["Function"]["LoggingConfig"]["SystemLogLevel"]
    check(level == "WARN", f"Lambda writes lines from {level} on")
    messages = lines(stack)
    calls = [json.loads(message) for message in messages if '"answered"' in message]
    check(len(calls) > 100, f"only {len(calls)} of {len(messages)} lines are about a request")
    ids = {call["span"]["requestId"] for call in calls}
    check(len(ids) == len(calls), f"{len(calls)} lines about {len(ids)} requests")

    functions = sum(len(message.encode()) + BYTES_A_LINE for message in messages) / len(calls)
    # The emulator writes no access log.
    gateway = sum(len(access_line(call)) + BYTES_A_LINE for call in calls) / len(calls)
    size = functions + gateway
    check(size <= MAX_BYTES_A_CALL, f"a request takes {size:.0f} bytes of log")
    return (
        f"{len(messages)} lines about {len(calls)} requests, {functions:.0f} bytes for a request "
        f"and {gateway:.0f} of the gateway's"
    )


def access_line(call):
    """Returns the line of the access log about a request, with values of the usual length."""
    uuid = "8c5a3d9e-0f1b-4c7d-9a2e-6b4f1d3c5e7a"
    context = {
        "requestId": uuid,
        "integration.requestId": uuid,
        "identity.sourceIp": "203.0.113.195",
        "httpMethod": "OPTIONS" if call["outcome"] == "preflight" else "POST",
        "resourcePath": call["route"].rstrip("/"),
        "status": str(call["status"]),
        "error.responseType": "-",
        "responseLatency": str(call["duration_ms"] + 10),
    }
    line = template()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]
    return re.sub(r"\$context\.([A-Za-z.]+)", lambda match: context[match[1]], line)


def metrics_of_lines(stack):
    """Each metric filter finds lines in the log, with the value and the dimensions that it reads."""
    logs = stack.emulator.client("logs")
    filters = logs.describe_metric_filters(logGroupName=stack.outputs["FunctionLogs"])["metricFilters"]
    events = [json.loads(message) for message in lines(stack) if message.startswith("{")]
    counts = {}
    for each in filters:
        (metric,) = each["metricTransformations"]
        found = [event for event in events if matches(each["filterPattern"], event)]
        value = metric["metricValue"]
        for event in found:
            if value.startswith("$"):
                check(isinstance(field(event, value), int), f"{metric['metricName']}: {event}")
        counts[metric["metricName"]] = len(found)
    unraised = {name for name, count in counts.items() if count == 0}
    check(unraised == UNRAISED, f"metrics of no line: {unraised}")
    # The one with dimensions finds nothing, so any request's line stands in.
    answered = next(event for event in events if event["message"] == "answered")
    for each in filters:
        for path in each["metricTransformations"][0].get("dimensions", {}).values():
            check(isinstance(field(answered, path), str), f"{each['filterName']}: no {path} in {answered}")
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def matches(pattern, event):
    """Returns whether `event` matches a pattern of comparisons that are joined by `&&`."""
    comparisons = pattern.strip("{} ").split(" && ")
    return all(holds(*comparison.split(" ", 2), event) for comparison in comparisons)


def holds(path, operator, wanted, event):
    """Returns whether one comparison of a pattern holds for `event`."""
    value, wanted = field(event, path), json.loads(wanted)
    match operator:
        case "=":
            return value == wanted
        case ">":
            return isinstance(value, int) and value > wanted
    raise AssertionError(f"unknown operator {operator}")


def field(event, path):
    """Returns the field of `event` at `$.a.b`, or `None`."""
    for name in path.removeprefix("$.").split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event
