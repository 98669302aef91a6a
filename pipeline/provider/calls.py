"""What each way a call can end means for us: the table of transport failures, and the reader of a provider's own table.

A call that makes a voice costs dollars and cannot be unsent, so whatever is not known to be free is ambiguous
there; a spoken line costs cents and may be asked for again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import httpx

from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    ContentBlocked,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)


class Call(StrEnum):
    """What was asked for. The value is how a message names it."""

    CLONE = "voice clone"
    DESIGN = "voice design"
    UPLOAD = "upload of the reference"
    """Free, and makes no voice yet."""
    SPEECH = "speech"
    READ = "request"
    """Prices, limits, balance, voices: free, and changes nothing."""


ANY = frozenset(Call)
MAKING = frozenset({Call.CLONE, Call.DESIGN})
REPEATABLE = ANY - MAKING


@dataclass(frozen=True)
class Rule:
    """One row of a provider's table: these calls, these statuses, these codes (None is any) mean this."""

    calls: frozenset[Call]
    statuses: frozenset[int] | None
    codes: frozenset[str] | None
    meaning: type[ProviderError]

    def covers(self, call: Call, status: int, code: str | None) -> bool:
        """Tell whether the row speaks of this answer."""
        return (
            call in self.calls
            and (self.statuses is None or status in self.statuses)
            and (self.codes is None or code in self.codes)
        )


TRANSPORT: Mapping[type[httpx.RequestError], type[ProviderError]] = {
    # No byte of the request has left: these end before or while the connection is made.
    httpx.ConnectError: NotSent,
    httpx.ConnectTimeout: NotSent,
    httpx.PoolTimeout: NotSent,
    httpx.ProxyError: NotSent,
    httpx.UnsupportedProtocol: NotSent,
    # From here on the request, or part of it, may have arrived. A reset while the body is still being
    # sent looks the same as a close after it (measured with httpx 0.28.1), so neither counts as unsent.
    httpx.ReadError: Ambiguous,
    httpx.ReadTimeout: Ambiguous,
    httpx.WriteError: Ambiguous,
    httpx.WriteTimeout: Ambiguous,
    httpx.CloseError: Ambiguous,
    httpx.RemoteProtocolError: Ambiguous,
    httpx.LocalProtocolError: Ambiguous,
    httpx.DecodingError: Ambiguous,
    httpx.TooManyRedirects: Ambiguous,
    # The base classes, should a transport raise one bare.
    httpx.TimeoutException: Ambiguous,
    httpx.NetworkError: Ambiguous,
    httpx.ProtocolError: Ambiguous,
    httpx.TransportError: Ambiguous,
    httpx.RequestError: Ambiguous,
}


BROKEN_OFF: Mapping[Call, type[ProviderError]] = {Call.READ: ProviderFailed, Call.UPLOAD: SafeRetry}
"""What makes no voice and costs nothing may be asked again, whatever came of it."""


def classify(
    rules: Sequence[Rule],
    call: Call,
    *,
    status: int | None = None,
    code: str | None = None,
    failure: type[httpx.RequestError] | None = None,
) -> type[ProviderError]:
    """Return what it means that `call` ended in this status and code, or in this transport failure.

    The first of `rules` that covers an answer decides. A status that was read wins over a failure that came
    after it. A 2xx status is passed here only when the answer could not be used, or its code refuses.
    """
    if status is not None and not (failure is not None and 200 <= status < 300):  # noqa: PLR2004 - 2xx
        return next(rule.meaning for rule in rules if rule.covers(call, status, code))
    meaning = _transport_meaning(failure or httpx.RequestError)
    return BROKEN_OFF.get(call, meaning) if meaning is Ambiguous else meaning


def _transport_meaning(failure: type[httpx.RequestError]) -> type[ProviderError]:
    return next(TRANSPORT[parent] for parent in failure.__mro__ if parent in TRANSPORT)


ADVICE: Mapping[type[ProviderError], str] = {
    NotSent: "Nothing was sent; it may be sent again.",
    RateLimited: "Wait, then send it again.",
    SafeRetry: "Nothing was made or charged; it may be sent again.",
    ProviderFailed: "It may be asked for again.",
    Ambiguous: "It may have happened and been charged: do not send it again without proof.",
    Refused: "It will not be accepted as it is.",
    ContentBlocked: "Change the text.",
    VoiceGone: "Check who owns the voice, or clone it again.",
    AccountBlocked: "Check the API key, its rights and the account's credit.",
}
"""What a message tells the reader to do next."""
