"""How a part shows that it is ready. Each probe answers within a second and never raises."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from pipeline.storage.sigv4 import Credentials, signed_headers
from workers.stack.ports import LOOPBACK

PATIENCE_SECONDS = 1.0


class Probe(Protocol):
    """A question to a starting part."""

    def arm(self) -> None:
        """Forget what an earlier process left behind; called before each start."""

    async def passed(self) -> bool:
        """Tell whether the part is ready."""


@dataclass(frozen=True)
class HttpProbe:
    """Ready when the path answers 200 on loopback."""

    port: int
    path: str

    def arm(self) -> None:
        """Keep nothing between starts."""

    async def passed(self) -> bool:
        """Ask the path."""
        return _status(await _ask(self.port, "GET", self.path, {})) == HTTPStatus.OK


@dataclass(frozen=True)
class PingProbe:
    """Ready when Valkey or Redis answers PONG on its unix socket: not while it still loads its log."""

    socket: str

    def arm(self) -> None:
        """Keep nothing between starts: the server itself replaces a dead socket."""

    async def passed(self) -> bool:
        """Send PING."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                with contextlib.closing(writer):
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
        return False


@dataclass(frozen=True)
class BucketProbe:
    """Ready when SeaweedFS knows its volumes, accepts our signature and has our bucket, which the probe creates.

    Its S3 port answers before old objects can be read, and its health check says nothing of keys and bucket.
    Leaving the bucket to the server itself costs 0.9 s more (measured).
    """

    master_port: int
    s3_port: int
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str

    def arm(self) -> None:
        """Keep nothing between starts."""

    async def passed(self) -> bool:
        """Look for volume servers, then create the bucket, which leaves one that is ours as it was."""
        topology = await _ask(self.master_port, "GET", "/dir/status", {})
        if b'"DataNodes":[{' not in topology:
            return False
        host, path = f"{LOOPBACK}:{self.s3_port}", f"/{quote(self.bucket)}"
        keys = Credentials(self.access_key, self.secret_key, self.region)
        answer = await _ask(self.s3_port, "PUT", path, signed_headers("PUT", host, path, keys))
        return _status(answer) in (HTTPStatus.OK, HTTPStatus.CONFLICT)


@dataclass(frozen=True)
class FileProbe:
    """Ready when the process has written this file."""

    path: str

    def arm(self) -> None:
        """Remove the file an earlier process wrote."""
        Path(self.path).unlink(missing_ok=True)

    async def passed(self) -> bool:
        """Look for the file."""
        return Path(self.path).exists()  # noqa: ASYNC240 - one stat of a local file


KINDS: Mapping[str, type[Probe]] = {kind.__name__: kind for kind in (HttpProbe, PingProbe, BucketProbe, FileProbe)}


def as_json(probe: Probe | None) -> dict[str, Any] | None:
    """Return the probe as the supervisor is told of it."""
    return None if probe is None else {"kind": type(probe).__name__, **asdict(probe)}  # type: ignore[call-overload]


def from_json(value: Mapping[str, Any] | None) -> Probe | None:
    """Return the probe the JSON names."""
    if value is None:
        return None
    facts = dict(value)
    return KINDS[facts.pop("kind")](**facts)


async def _ask(port: int, method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Return the whole answer, empty where there is none. HTTP/1.0 comes in one piece and then closes."""
    fields = {"host": f"{LOOPBACK}:{port}", "content-length": "0", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.closing(writer):
                writer.write(f"{method} {path} HTTP/1.0\r\n{lines}\r\n".encode())
                return await reader.read()
    return b""


def _status(answer: bytes) -> int | None:
    found = re.match(rb"HTTP/\d\.\d (\d{3})", answer)
    return int(found[1]) if found else None
