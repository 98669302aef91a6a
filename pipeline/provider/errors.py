"""What a provider call can end in besides an answer. Whether it may be repeated is the type.

ProviderError
├── NotSent           no byte left this machine: refused, DNS, connect or pool timeout
├── RateLimited       too fast or too many at once; `retry_after` in seconds
├── SafeRetry         the provider documents that nothing was made and nothing charged
├── ProviderFailed    the provider failed; for speech it may be asked again
├── Ambiguous         it may have happened: reset, timeout, unreadable answer
├── Refused           this request will never be accepted
│   ├── ContentBlocked
│   └── VoiceGone     the voice is not ours or no longer there
└── AccountBlocked    nothing of this account will be accepted: key, credit, rights
"""

from typing import ClassVar

MESSAGE_LIMIT = 500


class ProviderError(Exception):
    """A provider call did not give what was asked for."""

    kind: ClassVar[str] = "provider_error"

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        charged_micros: int | None = None,
        raw: str = "",
    ) -> None:
        super().__init__(message[:MESSAGE_LIMIT])
        self.message = message[:MESSAGE_LIMIT]
        self.http_status = http_status
        self.provider_code = provider_code
        self.retry_after = retry_after
        self.request_id = request_id
        self.charged_micros = charged_micros
        """What an unusable answer says it cost, where its headers could be read."""
        self.raw = raw


class NotSent(ProviderError):
    """No byte of the request left this machine."""

    kind = "not_sent"


class RateLimited(ProviderError):
    """Too fast, or too many at once."""

    kind = "rate_limited"


class SafeRetry(ProviderError):
    """The provider documents that nothing was made and nothing was charged."""

    kind = "safe_retry"


class ProviderFailed(ProviderError):
    """The provider failed on its side."""

    kind = "provider_failed"


class Ambiguous(ProviderError):
    """It may have happened, and may have been charged."""

    kind = "ambiguous"


class Refused(ProviderError):
    """This request will never be accepted as it is."""

    kind = "refused"


class ContentBlocked(Refused):
    """The provider will not speak this text."""

    kind = "content_blocked"


class VoiceGone(Refused):
    """The voice is not ours, or the provider no longer has it."""

    kind = "voice_gone"


class AccountBlocked(ProviderError):
    """Nothing of this account is accepted at present: key, credit or rights."""

    kind = "account_blocked"
