"""A provider that is timed: who watches learns each call's kind, outcome and duration; nothing else knows of it."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.provider.errors import ProviderError
from pipeline.provider.meter import Meter
from pipeline.provider.port import (
    AccountState,
    Capabilities,
    CloneRequest,
    DesignRequest,
    Doubt,
    Finding,
    Limits,
    Prices,
    SpeechRequest,
    SpeechResult,
    SystemVoice,
    VoiceProvider,
    VoiceResult,
)

T = TypeVar("T")
ANSWERED = "answered"
BROKEN = "broken"
"""The outcome of a call that ended in an error which is not the port's: a fault of ours."""


class MeasuredProvider:
    """Hands every call on to `provider`, and tells `meter` of it."""

    def __init__(self, provider: VoiceProvider, meter: Meter) -> None:
        self.name = provider.name
        self._provider = provider
        self._meter = meter

    def capabilities(self) -> Capabilities:
        """Return what the provider accepts; no call, so not measured."""
        return self._provider.capabilities()

    def prices(self) -> Prices:
        """Return the price list."""
        return self._timed("prices", self._provider.prices)

    def limits(self) -> Limits:
        """Return what this account may do at once."""
        return self._timed("limits", self._provider.limits)

    def account(self) -> AccountState:
        """Return the balance."""
        return self._timed("account", self._provider.account)

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        """Clone a voice."""
        return self._timed("clone", lambda: self._provider.create_voice(request))

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        """Make a voice from a description."""
        return self._timed("design", lambda: self._provider.design_voice(request))

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        """Find out whether a call made a voice."""
        return self._timed("reconcile", lambda: self._provider.reconcile_voice(doubt))

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        """Speak."""
        return self._timed("speech", lambda: self._provider.synthesize(request))

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the voices that need no cloning."""
        return self._timed("system_voices", self._provider.system_voices)

    def _timed(self, call: str, make: Callable[[], T]) -> T:
        self._meter.begins(call)
        started, outcome = time.monotonic(), BROKEN
        try:
            answer = make()
            outcome = ANSWERED
        except ProviderError as error:
            outcome = error.kind
            raise
        finally:
            self._meter.ends(call, outcome, time.monotonic() - started)
        return answer
