"""`cargo dev` as the benchmarks run it, and how they print what they found."""

import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = ROOT / "target" / "release" / "local"


class Server:
    """A server on an empty data folder, which is gone with it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def start(self, command, output, **options):
        """Starts it; `output`, "stdout" or "stderr", is where it says its URL."""
        self.process = subprocess.Popen(command, **{output: subprocess.PIPE}, text=True, **options)
        stream, log = getattr(self.process, output), ""
        while not (address := re.search(r"http://[\d.:]+", log)):
            line = stream.readline()
            if not line:
                raise SystemExit(f"{command[0]} has not started:\n{log}")
            log += line
        self.url = address[0]
        # Read all output: the process blocks on a full pipe.
        threading.Thread(target=stream.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Service(Server):
    """`cargo dev`."""

    def __init__(self, *options, binary=RELEASE, **variables):
        super().__init__()
        command = [binary, "--port", "0", "--data-dir", self.folder.name, *options]
        self.start(command, "stdout", env=os.environ | variables, stderr=subprocess.DEVNULL)

    def file(self, name):
        """A file of the data folder: `avatar.png`, or `lambda.env` with a function's variables."""
        return pathlib.Path(self.folder.name) / name

    def variables(self):
        """The variables of a function that works on the same engines."""
        lines = shlex.split(self.file("lambda.env").read_text())
        return dict(line.split("=", 1) for line in lines)

    def memory_mb(self):
        return memory_mb(self.process.pid)


def memory_mb(pid, kind="VmRSS"):
    """Resident memory of a process in MB, or with `VmHWM` the most that it ever had."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def table(head, rows):
    """Prints a table in Markdown. Fractions have three significant digits."""

    def text(cell):
        if not isinstance(cell, float):
            return str(cell)
        return f"{cell:,.0f}" if cell >= 100 else f"{cell:.3g}"

    for row in [head, ["---"] * len(head), *rows]:
        print("|", " | ".join(text(cell) for cell in row), "|", flush=True)
