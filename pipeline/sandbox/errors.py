"""Refusals as the vendor words them: one exception that carries status, code and envelope.

The status and `code` of each are documented; `type` is documented for rate limits only, the rest is assumed.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.sandbox.money import format_usd

INVALID = "invalid_request_error"


class SandboxError(Exception):
    """A request is refused; `body` is the documented envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str,
        code: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        error = {"message": self.message, "type": self.kind}
        return {"error": error | ({"code": self.code} if self.code else {})}


def invalid(message: str, code: str = "invalid_request", status: int = 400) -> SandboxError:
    """The request itself is wrong."""
    return SandboxError(status, message, kind=INVALID, code=code)


def too_large(what: str, limit_bytes: int) -> SandboxError:
    """More bytes came than the endpoint takes."""
    return invalid(f"{what} is larger than {limit_bytes} bytes", status=413)


def unsupported_media(message: str) -> SandboxError:
    """The upload is not one of the accepted audio types."""
    return invalid(message, status=415)


def unauthorized() -> SandboxError:
    """No key, or none that is known here."""
    return SandboxError(401, "Invalid API key", kind="authentication_error", code="auth_error")


def insufficient(code: str, price: int, balance: int) -> SandboxError:
    """The balance does not cover the price; both in micro-dollars."""
    message = f"Insufficient credits: this call costs ${format_usd(price)}, the balance is ${format_usd(balance)}"
    return SandboxError(402, message, kind="billing_error", code=code)


def not_owned() -> SandboxError:
    """The voice is somebody else's."""
    message = "Voice is not owned by this account"
    return SandboxError(403, message, kind="permission_error", code="voice_not_owned")


def rate_limited(message: str, retry_after_s: int, code: str = "") -> SandboxError:
    """Too many requests a minute, or too many at once."""
    headers = {"Retry-After": str(retry_after_s)}
    return SandboxError(429, message, kind="rate_limit", code=code, headers=headers)


def ownership_write_failed() -> SandboxError:
    """The upstream made the voice, but it could not be bound to the account; nothing is charged."""
    message = "Voice was created but ownership could not be saved. You were not charged; it is safe to retry."
    return SandboxError(500, message, kind="server_error", code="ownership_write_failed")


def provider_failed(message: str) -> SandboxError:
    """The upstream could not do it."""
    return SandboxError(502, message, kind="upstream_error", code="provider_error")
