"""Runs SAM and cargo-lambda, and builds with them what the rehearsal deploys."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam" / "build"
TOOLS = ROOT / "target" / "rehearsal"

# The programs of the two environments.
EMULATOR = TOOLS / "emulator" / "bin"
SAM = TOOLS / "sam" / "bin"


def build():
    """Lints the template and builds the functions. Cargo's target folder is the cache.

    SAM builds one function after the other, which leaves a processor without work while Cargo links. So
    cargo-lambda builds all four first, and SAM finds them up to date.
    """
    run("sam", "validate")
    run("cargo-lambda", "lambda", "build", "--release", "--locked")
    run("sam", "build")


def run(program, *arguments, **variables):
    """Runs SAM or cargo-lambda in the repository, with both on the PATH."""
    path = f"{SAM}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", **variables}
    subprocess.run([program, *arguments], cwd=ROOT, env=environment, check=True)
