"""Lambda's side of a function: its process, and the runtime API that it asks for events."""

import json
import os
import pathlib
import selectors
import signal
import socket
import time
import zipfile
from io import BytesIO

from service import ROOT, memory_mb

BOOTSTRAPS = ROOT / "target" / "lambda"
# The key that has signed the tokens of the sample events.
JWT_SECRET = "sample-key-of-the-events-not-a-secret"
# Seconds until a function counts as hanging.
PATIENCE = 60


def bootstrap(name):
    """The function as it is packaged."""
    file = BOOTSTRAPS / name / "bootstrap"
    if not file.exists():
        raise SystemExit(f"{file} is missing: see docs/performance.md for what has to be built")
    return file


def event(name):
    """A sample event."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


class Sandbox:
    """One process of a function, from its start to its end, and the runtime API for it alone
    (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""

    def __init__(self, command, variables, stderr=os.devnull):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        host, port = self.listener.getsockname()
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_GROUP_NAME": "benchmark",
            "AWS_LAMBDA_LOG_STREAM_NAME": "benchmark",
            "LAMBDA_TASK_ROOT": str(pathlib.Path(__file__).parent),
            **variables,
        }
        command = [os.fspath(part) for part in command]
        output = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        files = [
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, output, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.fspath(stderr), output, 0o600),
        ]
        self.started = time.perf_counter()
        self.pid = os.posix_spawnp(command[0], command, environment, file_actions=files)
        # The client that asks for the next event, and when: seconds since the start.
        self.asking, self.asked = self.request("GET", "/next")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def call(self, event):
        """Sends an event and returns the answer, and when it came: seconds since the start."""
        body = json.dumps(event).encode()
        deadline = round((time.time() + PATIENCE) * 1000)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:benchmark\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.asking.sendall(head.encode() + body)
        (connection, answer), at = self.request("POST", "/response")
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        self.asking, _ = self.request("GET", "/next")
        return json.loads(answer), at

    def request(self, method, path):
        """The next request, which must be this one, and when it came."""
        while True:
            ready = self.selector.select(PATIENCE)
            at = time.perf_counter() - self.started
            if not ready:
                raise SystemExit("the function hangs")
            connection = ready[0][0].fileobj
            if connection is self.listener:
                self.selector.register(connection.accept()[0], selectors.EVENT_READ)
                continue
            head, _, body = self.received(connection).partition(b"\r\n\r\n")
            if not head:
                self.selector.unregister(connection)
                connection.close()
                continue
            line, *headers = head.decode().split("\r\n")
            if not (line.startswith(method) and path in line):
                raise SystemExit(f"the function has sent {line}")
            headers = {name.lower(): value for name, value in (header.split(": ") for header in headers)}
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(1 << 20)
            return (connection if method == "GET" else (connection, body)), at

    @staticmethod
    def received(connection):
        """A request's bytes so far, with its whole head; nothing where the connection has ended."""
        data = connection.recv(1 << 20)
        while data and b"\r\n\r\n" not in data:
            data += connection.recv(1 << 20)
        return data

    def peak_memory_mb(self):
        return memory_mb(self.pid, "VmHWM")

    def cpu_seconds(self):
        """Processor time of all threads so far."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def zipped_mb(file):
    """Size of a package with this bootstrap in it."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, "bootstrap")
    return len(package.getvalue()) / 1e6
