"""How large the body of a request may be: small sheets come in one, large ones and recordings go to the bucket."""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 16 << 20
"""Bytes. A sheet of 50,000 lines takes about half of it; the commands upload what is larger than a megabyte."""
TOO_LARGE = 413


class BodyLimit:
    """Refuses the rest of a body that is too large while it comes in: it is never held whole."""

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count what its body brings."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._largest:
                raise HTTPException(TOO_LARGE, f"The body has more than {self._largest:,} bytes")
            return message

        await self._app(scope, counted, send)
