"""MiniMax's own API, and the sandbox where it speaks it: only the base URL and the key differ.

A voice is made under an id of our choosing and paid for when it first speaks. Asking for the same id again makes
no second voice, so what became of an unclear call is found out by asking again.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import SecretStr

from pipeline.provider import minimax_answers, minimax_errors, minimax_prices, minimax_requests
from pipeline.provider.answers import clock_ms, document, voice_id
from pipeline.provider.calls import Call
from pipeline.provider.characters import with_han_twice
from pipeline.provider.client import Dialect, ProviderClient
from pipeline.provider.errors import Ambiguous, Refused
from pipeline.provider.exchange import Answer, Timeouts
from pipeline.provider.port import (
    AccountState,
    Capabilities,
    ChargeMoment,
    CloneRequest,
    Cost,
    DesignRequest,
    Doubt,
    Finding,
    Limits,
    Prices,
    SpeechRequest,
    SpeechResult,
    SystemVoice,
    Truth,
    VoiceResult,
)
from pipeline.provider.reference import recording

REFERENCE_MAX_BYTES = 20_000_000
LARGEST_REFERENCE_SENT = 20 << 20
"""The larger reading of "20 MB": above it an upload is refused by any, so it is not begun."""

CAPABILITIES = Capabilities(
    clone_model=minimax_prices.CLONE_MODEL,
    design_model=minimax_prices.DESIGN_MODEL,
    speech_models=tuple(minimax_prices.SPEECH),
    reference_formats=("mp3", "wav", "m4a"),
    reference_min_seconds=10.0,
    reference_max_seconds=300.0,
    reference_max_bytes=REFERENCE_MAX_BYTES,
    # Just under 10,000 are accepted; above 3,000 the vendor advises streaming.
    max_chars=3000,
    formats=tuple(minimax_requests.FORMATS),
    label_max_chars=64,
    activation_deadline_seconds=7 * 24 * 3600,
    # A voice is listed once it has spoken, which is too late to tell whether it was made.
    lists_own_voices=False,
    client_chosen_id=True,
    reports_balance=False,
    charge_moment=ChargeMoment.FIRST_USE,
    one_at_a_time=False,
    controls=minimax_requests.CONTROLS,
    lateness_seconds=30.0,
)

DIALECT = Dialect(
    rules=minimax_errors.ANSWERS,
    refusal=minimax_answers.refusal,
    charged=minimax_answers.charged,
    statuses=minimax_errors.STATUSES,
    request_id_headers=("Trace-Id", "X-Trace-Id", "Minimax-Request-Id"),
)

DEFAULT_LIMITS = Limits(
    tier="configured",
    concurrent_calls=8,
    requests_per_minute=60,
    model_requests_per_minute=60,
    characters_per_minute=20_000,
)
"""60 speech calls a minute are documented; calls in flight are not, so 8 is ours."""


class MiniMax:
    """`VoiceProvider` over HTTP. Safe to share between threads; `close` it when the process ends.

    `limits` are what the account may do at once: MiniMax does not publish them. `lateness_seconds` is for a server
    that is nearer than MiniMax's. `proxy` is the only proxy used: environment variables are not read.

    Raises:
        EnvironmentFault: the base URL or the key cannot be used.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: SecretStr | str,
        timeouts: Timeouts | None = None,
        limits: Limits = DEFAULT_LIMITS,
        lateness_seconds: float | None = None,
        proxy: str | None = None,
    ) -> None:
        self.name = name
        self._capabilities = (
            CAPABILITIES if lateness_seconds is None else replace(CAPABILITIES, lateness_seconds=lateness_seconds)
        )
        self._limits = limits
        self._client = ProviderClient(
            name, DIALECT, base_url=base_url, api_key=api_key, timeouts=timeouts or Timeouts(), proxy=proxy
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def capabilities(self) -> Capabilities:
        """Return what MiniMax accepts; no network."""
        return self._capabilities

    def prices(self) -> Prices:
        """Return the built-in price list; no network."""
        return minimax_prices.table()

    def limits(self) -> Limits:
        """Return the configured limits; no network."""
        return self._limits

    def account(self) -> AccountState:
        """Ask whether the account is served at all; its balance is not told."""
        _, at_ms = self._client.ask("/get_voice", {"voice_type": "voice_cloning"})
        return AccountState(balance_micros=None, at_ms=at_ms)

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the voices everyone may use."""
        said, _ = self._client.ask("/get_voice", {"voice_type": "system"})
        return minimax_answers.system_voices(said)

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        """Upload the reference, then clone it under the chosen id with one POST; the fee falls due at first use."""
        chosen = minimax_requests.chosen_id(request.chosen_id)
        return self._clone(request, chosen, self._upload(request))

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        """Make a voice from a description with one POST; only its spoken sample is billed at once."""
        body = minimax_requests.design(request)
        answer = self._client.make(Call.DESIGN, "/voice_design", **self._client.json(Call.DESIGN, body))
        sample = str(body["preview_text"])
        cost = Cost(minimax_prices.preview_micros(sample), chars_billed=with_han_twice(sample))
        return self._made(Call.DESIGN, answer, request, cost)

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        """Ask for the same id again: it is made now, or the answer says that it exists, or that it cannot be made.

        A design's sample is spoken, and billed, once more.
        """
        request = doubt.request
        if request.chosen_id is None:
            return Finding(Truth.UNKNOWN, "none", "The call did not choose its id, so it cannot be asked for again.")
        again = self._asking(request, request.chosen_id)
        try:
            made = again()
        except Refused as error:
            return _finding(Truth.NOT_MADE, request.chosen_id, error.message)
        except Ambiguous as error:
            if error.provider_code != minimax_errors.ID_EXISTS:
                return _finding(Truth.UNKNOWN, request.chosen_id, error.message)
            earlier = VoiceResult(request.chosen_id, request.label, Cost(charged_micros=0), raw=error.raw)
            return _finding(Truth.MADE, request.chosen_id, "it exists already.", earlier)
        return _finding(Truth.MADE, request.chosen_id, "it exists now.", made)

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        """Speak; an extra is a field of MiniMax's request. The cost is that of the characters it says it billed.

        A voice's own fee, due when it first speaks, is not in it.
        """
        form, model = minimax_requests.FORMATS.get(request.format), minimax_prices.SPEECH.get(request.model)
        if form is None or model is None:
            raise Refused(
                f"{self.name} has no model {request.model!r} with format {request.format!r}. Nothing was sent."
            )
        said = self._done(Call.SPEECH, answer := self._client.speak("/t2a_v2", minimax_requests.speech(request, form)))
        audio, chars = minimax_answers.audio(said), minimax_answers.usage_chars(said)
        if not audio:
            raise self._client.unusable(Call.SPEECH, answer, "and not a byte of audio")
        charged = None if chars is None else self.prices().speech(request.model, chars)
        return SpeechResult(audio, form.content_type, Cost(charged, chars_billed=chars))

    def delete_voice(self, provider_voice_id: str, *, designed: bool) -> None:
        """Delete a voice. Its id can never be used again."""
        kind = "voice_generation" if designed else "voice_cloning"
        self._client.ask("/delete_voice", {"voice_type": kind, "voice_id": provider_voice_id})

    def _asking(self, request: CloneRequest | DesignRequest, chosen: str) -> Callable[[], VoiceResult]:
        """Return the repeated call, with everything before it done: what fails there says nothing about the voice."""
        if isinstance(request, DesignRequest):
            return partial(self.design_voice, request)
        request.reference.seek(0)
        return partial(self._clone, request, chosen, self._upload(request))

    def _upload(self, request: CloneRequest) -> int:
        file = (request.filename, recording(request, LARGEST_REFERENCE_SENT), request.mime)
        data = {"purpose": "voice_clone"}
        answer = self._client.make(Call.UPLOAD, "/files/upload", data=data, files={"file": file})
        file_id = minimax_answers.file_id(self._done(Call.UPLOAD, answer))
        if file_id is None:
            raise self._client.unusable(Call.UPLOAD, answer, "and no file id")
        return file_id

    def _clone(self, request: CloneRequest, chosen: str, file_id: int) -> VoiceResult:
        # No preview text: it would be billed, and does not count as the voice's first use.
        body = self._client.json(Call.CLONE, {"file_id": file_id, "voice_id": chosen})
        answer = self._client.make(Call.CLONE, "/voice_clone", **body)
        return self._made(Call.CLONE, answer, request, Cost(charged_micros=0))

    def _made(self, call: Call, answer: Answer, request: CloneRequest | DesignRequest, cost: Cost) -> VoiceResult:
        said = self._done(call, answer)
        return VoiceResult(
            # The answer to a clone names no voice: it has the id that was asked for.
            provider_voice_id=voice_id(said) or str(request.chosen_id),
            label=request.label,
            cost=cost,
            raw=minimax_answers.without_audio(self._client.evidence(answer)),
            made_at_ms=clock_ms(answer.headers),
        )

    def _done(self, call: Call, answer: Answer) -> dict[str, Any]:
        said = document(answer.body)
        # A body that broke off behind its last brace is still the whole answer.
        if answer.is_success and said is not None and minimax_answers.status(said) == 0:
            return said
        self._client.raise_unless_done(call, answer)
        raise self._client.unusable(call, answer, "and a body that does not say what came of it")


def _finding(truth: Truth, chosen: str, seen: str, voice: VoiceResult | None = None) -> Finding:
    return Finding(truth, "same_id", f"Asked for the voice id {chosen!r} again: {seen}", voice)
