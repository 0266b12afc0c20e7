"""Rehearses a deployment without AWS: the real template and release binaries on an emulator.

Builds with `sam build` and deploys with `sam deploy`, for development and for production, to ministack,
which enforces IAM and runs the functions as processes. Then proves what only a deployed stack can show,
and prints a line for each proof. Needs Linux, cargo, openssl and Python 3.11; `.ci/rehearse` installs the
rest below target/rehearsal and starts this program there.
"""

import os
import signal
import sys
import tempfile

import logs
import operators
import permissions
import production
import service
from emulator import REGION, Emulator
from proof import proved, step
from stack import Production, Stack
from tools import build


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    direct = [os.environ.get("NO_PROXY"), "127.0.0.1"]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, direct))
    step("build", build)
    if sys.argv[1:] == ["build"]:
        return
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, Emulator(folder) as emulator:
        development = step("deploy", Stack, emulator)
        live = step("deploy for production", Production, emulator)
        # In this order: the log holds all requests before it is read, and the last proof deletes its stack.
        proofs = [
            ("policies in the template", permissions.policies_in_the_template, development),
            ("black-box suite", service.black_box_suite, development),
            ("bytes unharmed", service.bytes_unharmed, development),
            ("policies enforced", permissions.policies_enforced, development),
            ("key rotation", service.key_rotation, development),
            ("refusals to start", service.refusals_to_start, development),
            ("logs without secrets", logs.logs_without_secrets, development),
            ("short logs", logs.short_logs, development),
            ("metrics of lines", logs.metrics_of_lines, development),
            # It rotates the key, which warm functions would notice five minutes later.
            ("commands of operators", operators.commands_under_their_policies, development),
            ("production expanded", production.production_expanded, live),
            ("strict passwords in production", production.strict_passwords, live),
            ("tables of production", production.tables_protected, live),
            ("logs of production", production.logs_retained, live),
            ("traces of production", production.traces_sent, live),
            ("firewall of production", production.firewall, live),
            ("sandboxes of production", production.concurrency, live),
            ("alarms of production", production.alarms, live),
            ("dashboard of production", production.dashboard, live),
            ("production deployed again", production.deployed_again, live),
            ("production deleted", production.accounts_outlive_production, live),
        ]
        failed = [name for name, proof, stack in proofs if not proved(name, proof, stack)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


main()
