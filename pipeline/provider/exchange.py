"""One HTTP exchange with a provider, and all of it that could be read. No retry, no redirect, no environment proxy."""

import ssl
import time
from dataclasses import dataclass
from functools import cache

import httpx

SPEECH_CONNECTIONS = 64
"""One for each thread of the largest worker we run."""

KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which common servers hang up, so that a line rarely meets a closing connection."""


@dataclass(frozen=True)
class Timeouts:
    """How long each phase of a call may take, in seconds."""

    connect: float = 5.0
    pool: float = 5.0
    write: float = 60.0
    voice: float = 180.0
    """Silence while a voice is being made. A shorter wait turns a paid clone into an ambiguous one."""
    speech: float = 60.0
    read: float = 30.0

    def waiting(self, silence: float) -> dict[str, float]:
        """Return the transport's form of these, with `silence` as the longest pause in the answer."""
        return {"connect": self.connect, "pool": self.pool, "write": self.write, "read": silence}


@dataclass(frozen=True)
class Answer:
    """An answer whose status and headers were read; `failure` is what broke its body off."""

    status: int
    headers: httpx.Headers
    body: bytes
    failure: httpx.RequestError | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status says that it was done."""
        return 200 <= self.status < 300  # noqa: PLR2004 - 2xx

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")


@cache
def trust() -> ssl.SSLContext:
    """Return the certificates that every transport of this process trusts; to read them takes 36 ms and 1 MB."""
    return httpx.create_ssl_context(trust_env=False)


def open_transport(*, proxy: str | None, keep_alive: bool) -> httpx.HTTPTransport:
    """Return what sends each request once, to the host it names: httpx without its client's cookies and redirects."""
    connections = SPEECH_CONNECTIONS if keep_alive else 1
    return httpx.HTTPTransport(
        http1=True,
        http2=False,
        trust_env=False,
        proxy=proxy,
        verify=trust(),
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections if keep_alive else 0,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
    )


def exchange(transport: httpx.HTTPTransport, request: httpx.Request, *, max_bytes: int, body_seconds: float) -> Answer:
    """Send `request` once and read what comes back, as far as it comes.

    The headers of a paid call say what it cost, so they are kept even where the body breaks off, is longer
    than `max_bytes` or takes longer than `body_seconds`.

    Raises:
        httpx.RequestError: no status line was read.
    """
    response = transport.handle_request(request)
    body = bytearray()
    failure: httpx.RequestError | None = None
    deadline = time.monotonic() + body_seconds
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > max_bytes:
                raise httpx.DecodingError(f"the answer is longer than {max_bytes} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"the answer was not complete after {body_seconds:g} s")
        response.close()
    except httpx.RequestError as error:
        failure = error
    finally:
        response.close()
    return Answer(response.status_code, response.headers, bytes(body), failure)
