"""Stands between a stack and its S3 service: `python -m tests.support.faults.s3_proxy PORT UPSTREAM_PORT SECONDS`.

Bytes go through as they are. After SIGUSR1, for SECONDS, connections are cut and every request is answered with a 500.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
BLOCK = 1 << 16
START_SECONDS = 10.0
BODY = b"<Error><Code>InternalError</Code><Message>made to fail</Message></Error>"
REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/xml\r\nconnection: close\r\n"
    b"content-length: " + str(len(BODY)).encode() + b"\r\n\r\n" + BODY
)


@dataclass(frozen=True)
class Proxy:
    """The running process, and the address that a stack uses instead of the service's own."""

    process: subprocess.Popen[bytes]
    endpoint: str

    def fail(self) -> None:
        """Answer nothing but 500 for a while."""
        self.process.send_signal(signal.SIGUSR1)


@contextlib.contextmanager
def running_proxy(upstream_port: int, *, seconds: float) -> Iterator[Proxy]:
    """Run one for as long as it is needed."""
    port = free_port()
    command = [sys.executable, "-m", __name__, str(port), str(upstream_port), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            _wait(f"http://{HOST}:{port}/healthz")
            yield Proxy(process, f"http://{HOST}:{port}")
        finally:
            process.terminate()


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=1, trust_env=False).is_success:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing answers at {url}")


class Splice:
    """Joins each connection to one of the service's, unless it is to fail."""

    def __init__(self, upstream_port: int, seconds: float) -> None:
        self._upstream_port = upstream_port
        self._seconds = seconds
        self._failing = False
        self._open: set[StreamWriter] = set()

    def fail(self) -> None:
        """Cut what is open, and fail from now on."""
        self._failing = True
        for writer in self._open:
            writer.transport.abort()
        asyncio.get_running_loop().call_later(self._seconds, self._recover)

    def _recover(self) -> None:
        self._failing = False

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Take one connection to its end."""
        self._open.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await (self._refuse(reader, writer) if self._failing else self._join(reader, writer))
        finally:
            self._open.discard(writer)
            writer.close()

    async def _refuse(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
        if length and b"expect: 100-continue" not in head:
            await reader.readexactly(int(length))
        writer.write(REFUSAL)
        await writer.drain()

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        service_reader, service_writer = await asyncio.open_connection(HOST, self._upstream_port)
        try:
            there = asyncio.create_task(_copy(reader, service_writer))
            await _copy(service_reader, writer)
            there.cancel()
        finally:
            service_writer.close()


async def _copy(source: StreamReader, target: StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await source.read(BLOCK):
            target.write(block)
            await target.drain()
        target.write_eof()


async def _main(port: int, upstream_port: int, seconds: float) -> None:
    splice = Splice(upstream_port, seconds)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, splice.fail)
    server = await asyncio.start_server(splice.serve, HOST, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
