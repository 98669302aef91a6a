"""Answers that break: the connection is reset, or closed in the middle of a body.

A response cannot do that through ASGI alone, so the protocol hands each request its transport.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "sandbox.transport"
_ON_VANISH = "sandbox.on_vanish"


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 whose requests know their transport and are told when the caller hangs up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport to every request of this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request in progress, if its answer is not complete."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            tell = cycle.scope["state"].get(_ON_VANISH)
            if tell is not None:
                tell()
        super().connection_lost(exc)


def on_vanish(scope: Scope, tell: Callable[[], None]) -> None:
    """Call `tell` when the caller hangs up before this request's answer is complete."""
    scope["state"][_ON_VANISH] = tell


def _transport(scope: Scope) -> asyncio.Transport:
    """Take the transport over: what happens to it from now on is our doing, not the caller's."""
    scope["state"][_ON_VANISH] = None
    transport: asyncio.Transport | None = scope["state"].get(_TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the connection was cut (served without sockets, so that nothing can be cut)")
    return transport


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Reset(Response):
    """No answer at all: the caller sees its TCP connection reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Close with a linger time of zero, which makes the kernel send RST instead of FIN."""
        transport = _transport(scope)
        raw: Any = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _closed(receive)


class Truncated(Response):
    """All the headers, a Content-Length that was meant, and half the body."""

    def __init__(self, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        self.body = bytes(whole.body)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half, let it leave, close."""
        transport = _transport(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        await _closed(receive)
