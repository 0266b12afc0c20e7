"""Installs the tools of the rehearsal, and builds what it deploys. As a program, only installs."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam" / "build"
TOOLS = ROOT / "target" / "rehearsal"

# Two environments, because the emulator and SAM need different versions of boto3.
EMULATOR = TOOLS / "emulator", ["ministack[full]==1.5.33"]
SAM = TOOLS / "sam", ["aws-sam-cli==1.170.0", "cargo-lambda==1.9.2"]


def install(folder, requirements):
    """Makes the virtual environment `folder`, unless it was made of the same `requirements`."""
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [folder / "bin" / "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, *requirements], check=True)
    stamp.write_text(wanted)


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
    path = f"{SAM[0] / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", **variables}
    subprocess.run([program, *arguments], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    install(*SAM)
    install(*EMULATOR)
