"""Runs the emulator of AWS."""

import asyncio
import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request

import boto3
from botocore.config import Config

from proof import check, poll
from tools import EMULATOR

REGION = "us-east-1"
ADMIN = {"AWS_ACCESS_KEY_ID": "AKIAREHEARSAL0000000", "AWS_SECRET_ACCESS_KEY": "rehearsal" * 4}


class Emulator:
    """A ministack that lives in `folder` and listens on a free port of 127.0.0.1.

    It speaks TLS, because the bucket's policy refuses plain HTTP. `http_port` is for clients without TLS.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.certificate = self.folder / "ministack-tls" / "server.crt"
        self.environment = {
            # Nothing else of this process's environment, because the functions inherit it.
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "STATE_DIR": f"{folder}/state",
            "AUTH": "true",
            "USE_SSL": "1",
            "IOT_MTLS_ENABLED": "0",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # Lambda sets it by the template's `LogFormat`, which the emulator keeps to itself.
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "MINISTACK_ACCOUNT_ID": "123456789012",
            **self.client_environment(),
        }

    def client_environment(self):
        """Returns the variables with which an AWS client reaches the emulator as the administrator."""
        return {
            **ADMIN,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{self.port}",
            "AWS_CA_BUNDLE": str(self.certificate),
            "SSL_CERT_FILE": str(self.certificate),
        }

    def __enter__(self):
        self.log = open(self.folder / "emulator.log", "wb")
        self.process = subprocess.Popen(
            [EMULATOR / "ministack"],
            cwd=self.folder,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            # A process group of its own, with the functions in it.
            start_new_session=True,
        )
        try:
            poll(60, "the emulator's start", self.healthy)
            self.http_port = plain_http(self.port, self.tls())
        except BaseException:
            self.__exit__()
            print((self.folder / "emulator.log").read_text(errors="replace"), file=sys.stderr)
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def healthy(self):
        check(self.process.poll() is None, "the emulator has ended")
        try:
            url = f"https://127.0.0.1:{self.port}/_ministack/health"
            return urllib.request.urlopen(url, timeout=5, context=self.tls()).status == 200
        except OSError:
            return False

    def tls(self):
        return ssl.create_default_context(cafile=self.certificate)

    def client(self, service, config=None, **credentials):
        """Returns a client of `service`, as the administrator unless there are `credentials`."""
        once = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"https://127.0.0.1:{self.port}",
            verify=str(self.certificate),
            config=once.merge(config or Config()),
            **(credentials or {name.lower(): value for name, value in ADMIN.items()}),
        )

    def functions(self):
        """Yields the environment of each function's process."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getsid(int(process.name)) == self.process.pid:
                    variables = (process / "environ").read_text().split("\0")
                    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
                    if "AWS_LAMBDA_FUNCTION_NAME" in environment:
                        yield environment


def free_port():
    """Returns a port of 127.0.0.1 that no process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def plain_http(port, tls):
    """Forwards a free port to `port` over TLS, and returns the free one."""
    opened = asyncio.new_event_loop()

    async def pump(reader, writer):
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def connect(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = opened.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    threading.Thread(target=opened.run_forever, daemon=True).start()
    return server.sockets[0].getsockname()[1]
