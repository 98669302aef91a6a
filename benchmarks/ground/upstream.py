"""A provider that only waits: Kyma's API with a fixed latency, limits it insists on, and a memory of each call.

    python -m benchmarks.ground.upstream SPOKEN.mp3

writes the port it listens on to stdout. `POST /__stub__/terms` begins anew, `GET /__stub__/calls` tells what was seen.
Times are seconds of the machine's monotonic clock, which all processes share.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MICROS_PER_CHARACTER = 140
BALANCE_MICROS = 1_000_000_000_000
HEADERS_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Terms:
    """How long a call takes, and what is allowed: calls in flight, and calls a minute.

    The calls a minute are counted in any `window_seconds`, which is stricter than in any minute.
    """

    latency_seconds: float = 0.3
    concurrent: int = 8
    per_minute: int = 1_000_000
    window_seconds: float = 10.0

    @property
    def per_window(self) -> float:
        """Return how many calls may begin within the window."""
        return self.per_minute * self.window_seconds / 60


@dataclass
class Book:
    """What was asked of the provider."""

    in_flight: int = 0
    peak: int = 0
    refused: int = 0
    charged_micros: int = 0
    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    held_seconds: float = 0.0
    """What all calls have spent in flight together."""


class Provider:
    """Keeps to its terms and writes everything down."""

    def __init__(self, audio: bytes) -> None:
        self._audio = audio
        self._recent: deque[float] = deque()
        self.begin_anew(Terms())

    def begin_anew(self, terms: Terms) -> None:
        """Forget what was, and serve by these terms."""
        self.terms, self.book = terms, Book()
        self._recent.clear()

    def admit(self, now: float) -> bool:
        """Count a call in, unless it is one too many."""
        while self._recent and self._recent[0] <= now - self.terms.window_seconds:
            self._recent.popleft()
        if self.book.in_flight >= self.terms.concurrent or len(self._recent) >= self.terms.per_window:
            self.book.refused += 1
            return False
        self._recent.append(now)
        self.book.begun.append(now)
        self.book.in_flight += 1
        self.book.peak = max(self.book.peak, self.book.in_flight)
        return True

    def finish(self, begun: float, now: float, said: dict[str, Any]) -> bytes:
        """Count a call out and return its answer."""
        self.book.in_flight -= 1
        self.book.ended.append(now)
        self.book.held_seconds += now - begun
        characters = len(said["input"])
        cost = characters * MICROS_PER_CHARACTER
        self.book.charged_micros += cost
        headers = {
            "Content-Type": "audio/mpeg",
            "X-Kyma-Model": said["model"],
            "X-Kyma-Chars-Billed": characters,
            "X-Kyma-Cost-USD": _dollars(cost),
            "X-Kyma-Balance-USD": _dollars(BALANCE_MICROS - self.book.charged_micros),
        }
        return _answer(200, self._audio, headers)

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        """Answer whatever is not to be spoken."""
        if (method, path) == ("POST", "/__stub__/terms"):
            self.begin_anew(Terms(**json.loads(body)))
            return _json({})
        questions: dict[str, Callable[[], object]] = {
            "/__stub__/calls": lambda: asdict(self.book),
            "/v1/limits/tiers": lambda: {"tiers": [self._tier()]},
            "/v1/auth/limits": lambda: {"rpm_limit": self.terms.per_minute},
            "/v1/credits/balance": lambda: {"balance": _dollars(BALANCE_MICROS - self.book.charged_micros)},
            "/v1/audio/voices": lambda: {"data": []},
        }
        if method != "GET" or path not in questions:
            return _json({"error": {"code": "not_found", "message": "There is no such route."}}, 404)
        return _json(questions[path]())

    def _tier(self) -> dict[str, object]:
        return {
            "tier": 0,
            "name": "Stub",
            "rpm": self.terms.per_minute,
            "per_model_rpm": self.terms.per_minute,
            "audio_concurrent_per_provider": {"minimax": self.terms.concurrent},
        }


class Connection(asyncio.Protocol):
    """One client's connection; HTTP/1.1 without pipelining."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go through."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget it: a call under way is finished all the same, as a provider would."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take up a request once it is whole."""
        self._buffer += data
        head, found, rest = self._buffer.partition(HEADERS_END)
        if not found or len(rest) < (length := _length(head)):
            return
        self._buffer = rest[length:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._serve(method, path, rest[:length])

    def _serve(self, method: str, path: str, body: bytes) -> None:
        if (method, path) != ("POST", "/v1/audio/speech"):
            self._send(self._provider.answer(method, path, body))
            return
        now = time.monotonic()
        if not self._provider.admit(now):
            refusal = {"error": {"code": "rate_limit_exceeded", "message": "Too many calls."}}
            self._send(_json(refusal, 429, {"Retry-After": 1}))
            return
        said = json.loads(body)
        loop = asyncio.get_running_loop()
        loop.call_at(now + self._provider.terms.latency_seconds, self._finish, now, said)

    def _finish(self, begun: float, said: dict[str, Any]) -> None:
        self._send(self._provider.finish(begun, time.monotonic(), said))

    def _send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _dollars(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _json(said: object, status: int = 200, headers: dict[str, object] | None = None) -> bytes:
    return _answer(status, json.dumps(said).encode(), {"Content-Type": "application/json", **(headers or {})})


def _answer(status: int, body: bytes, headers: dict[str, object]) -> bytes:
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEADERS_END + body


async def serve(audio: bytes) -> None:
    """Serve on a free port of loopback until the process is ended."""
    provider = Provider(audio)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_bytes()))
