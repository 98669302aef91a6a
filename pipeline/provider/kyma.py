"""Kyma's audio API, and the sandbox that speaks it: only the base URL and the key differ.

The vendor's SDKs repeat a paid POST after a reset, a 502 or a 409; this client never repeats anything.
Whether a call may be made again is the type of the error, and the decision of the row it serves.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from pipeline.delivery import Controls
from pipeline.provider import evidence, kyma_answers, kyma_errors, kyma_prices
from pipeline.provider.answers import clock_ms, document, voice_id
from pipeline.provider.calls import Call
from pipeline.provider.client import Dialect, ProviderClient
from pipeline.provider.errors import NotSent, ProviderError, ProviderFailed, RateLimited, Refused
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

REFERENCE_MAX_BYTES = 10_000_000
"""The vendor writes "10 MB"; the smaller reading of it is within both."""

LARGEST_REFERENCE_SENT = 10 << 20
"""The larger reading: above it an upload is refused by any, so it is not begun."""

CAPABILITIES = Capabilities(
    clone_model=kyma_prices.CLONE_MODEL,
    design_model=kyma_prices.DESIGN_MODEL,
    speech_models=tuple(kyma_prices.SPEECH),
    reference_formats=("mp3", "wav", "m4a"),
    reference_min_seconds=10.0,
    reference_max_seconds=300.0,
    reference_max_bytes=REFERENCE_MAX_BYTES,
    max_chars=5000,
    # "mp3" is what clients send with the MiniMax models; the others are documented.
    formats=(
        "mp3",
        "mp3_44100_128",
        "mp3_44100_192",
        "mp3_22050_32",
        "pcm_16000",
        "pcm_22050",
        "pcm_24000",
        "pcm_44100",
        "ulaw_8000",
    ),
    label_max_chars=64,
    # Not documented by Kyma: MiniMax, which makes the voices, deletes one that is silent for 168 hours.
    activation_deadline_seconds=7 * 24 * 3600,
    lists_own_voices=False,
    client_chosen_id=False,
    reports_balance=True,
    charge_moment=ChargeMoment.CREATE,
    one_at_a_time=True,
    # Neither pitch nor volume nor emotion is named in its reference.
    controls=Controls(),
    lateness_seconds=120.0,
)

DIALECT = Dialect(
    rules=kyma_errors.ANSWERS,
    refusal=kyma_answers.refusal,
    charged=kyma_answers.charged,
    request_id_headers=("x-request-id",),
)

UNANSWERED = (NotSent, RateLimited, ProviderFailed, Refused)
"""A public question that got no answer has a documented or a cautious one built in."""


class Kyma:
    """`VoiceProvider` over HTTP. Safe to share between threads; `close` it when the process ends.

    `name` is `kyma` or `sandbox`. `tier` (such as `T2`) is the account's tier where it is known; without it
    the account's own request limit tells, and the smallest tier is assumed where nothing does.
    `lateness_seconds` is for a server that is nearer than Kyma's. `proxy` is the only proxy used: environment
    variables are not read.

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
        tier: str | None = None,
        lateness_seconds: float | None = None,
        proxy: str | None = None,
    ) -> None:
        self.name = name
        self._capabilities = (
            CAPABILITIES if lateness_seconds is None else replace(CAPABILITIES, lateness_seconds=lateness_seconds)
        )
        self._client = ProviderClient(
            name, DIALECT, base_url=base_url, api_key=api_key, timeouts=timeouts or Timeouts(), proxy=proxy
        )
        self._tier = kyma_answers.tier_name(tier) if tier else None

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def capabilities(self) -> Capabilities:
        """Return what Kyma accepts; no network."""
        return self._capabilities

    def prices(self) -> Prices:
        """Return Kyma's price list; the built-in table where it does not answer or has no such row."""
        try:
            return kyma_prices.from_catalogue(self._client.read("/pricing"))
        except UNANSWERED:
            return kyma_prices.table()

    def limits(self) -> Limits:
        """Return the limits of the account's tier, audio concurrency being that for MiniMax."""
        matrix = kyma_answers.tiers(self._client.read("/limits/tiers"))
        if not matrix:
            raise ProviderFailed(f"{self.name} published no tiers; its calls cannot be paced.")
        if self._tier is None:
            return kyma_answers.tier_for(matrix, self._requests_per_minute())
        known = {tier.tier.casefold(): tier for tier in matrix}
        if self._tier.casefold() not in known:
            names = ", ".join(tier.tier for tier in matrix)
            raise Refused(f"{self.name} has no tier {self._tier!r}; it has {names}. Correct the tier setting.")
        return known[self._tier.casefold()]

    def account(self) -> AccountState:
        """Return the account's balance."""
        said, at_ms = self._client.read_dated("/credits/balance")
        return AccountState(balance_micros=kyma_answers.balance(said), at_ms=at_ms)

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the catalogue's voices but for the cloned ones. The server's copy may be 5 minutes old."""
        return [voice for voice in self.listed_voices() if voice.category != "cloned"]

    def listed_voices(self) -> Sequence[SystemVoice]:
        """List all voices of the catalogue; whether the account's own are among them is not documented."""
        return kyma_answers.voices(self._client.read("/audio/voices"))

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        """Clone a voice with one POST on a fresh connection."""
        answer = self._client.make(
            Call.CLONE,
            "/audio/voice-clone",
            data={"name": request.label, "model": request.model},
            # The part's type must be explicit: the service decides by it.
            files={"file": (request.filename, recording(request, LARGEST_REFERENCE_SENT), request.mime)},
        )
        return self._voice(Call.CLONE, answer)

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        """Make a voice from a description with one POST on a fresh connection."""
        fields = {
            "description": request.description,
            "model": request.model,
            "name": request.label,
            "preview_text": request.preview_text,
            "gender": request.gender,
            "age_group": request.age_group,
        }
        said = {field: value for field, value in fields.items() if value is not None}
        body = self._client.json(Call.DESIGN, said)
        return self._voice(Call.DESIGN, self._client.make(Call.DESIGN, "/audio/voice-design", **body))

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        """Look for our label among the listed voices, then weigh the balance.

        Whether the list holds own voices is not documented: finding ours proves it made, missing it proves nothing.
        """
        label = doubt.request.label
        try:
            found = next((voice for voice in self.listed_voices() if voice.name == label), None)
        except ProviderError as error:
            if doubt.balances is None:
                raise
            return _weighed(doubt, f"The voice list could not be read ({error.message})")
        if found is None:
            return _weighed(doubt, f"No voice named {label!r} is listed")
        voice = VoiceResult(found.provider_voice_id, label, Cost(charged_micros=None), raw="")
        return Finding(Truth.MADE, "list", f"The voice named {label!r} is listed as {voice.provider_voice_id}.", voice)

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        """Speak."""
        said: dict[str, object] = {
            "model": request.model,
            "input": request.text,
            "voice_id": request.provider_voice_id,
            "response_format": request.format,
        }
        if request.delivery.speed is not None:
            said["speed"] = request.delivery.speed
        return self._speech(self._client.speak("/audio/speech", said))

    def _voice(self, call: Call, answer: Answer) -> VoiceResult:
        # A body that broke off behind its last brace is still the whole answer.
        said = document(answer.body) or {}
        made = voice_id(said) if answer.is_success else None
        if made is None:
            self._client.raise_unless_done(call, answer)
            raise self._client.unusable(call, answer, "and a body that names no voice")
        label = said.get("name")
        return VoiceResult(
            provider_voice_id=made,
            label=label if isinstance(label, str) else None,
            cost=kyma_answers.cost(answer.headers, said),
            raw=self._client.evidence(answer),
            made_at_ms=clock_ms(answer.headers),
        )

    def _speech(self, answer: Answer) -> SpeechResult:
        self._client.raise_unless_done(Call.SPEECH, answer)
        content_type = answer.headers.get("Content-Type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if not media_type.startswith("audio/") and media_type != "application/octet-stream":
            raise self._client.unusable(
                Call.SPEECH, answer, f"and {media_type or 'no content type'} where audio was expected"
            )
        if not answer.body:
            raise self._client.unusable(Call.SPEECH, answer, "and not a byte of audio")
        cost = kyma_answers.cost(answer.headers)
        return SpeechResult(audio=answer.body, content_type=content_type, cost=cost)

    def _requests_per_minute(self) -> object:
        try:
            return self._client.read("/auth/limits").get("rpm_limit")
        except UNANSWERED:
            return None


def _weighed(doubt: Doubt, listing: str) -> Finding:
    if doubt.balances is None:
        return Finding(Truth.UNKNOWN, "none", f"{listing}, and the balance before the call is not known.")
    truth = evidence.weigh(doubt.balances, doubt.price_micros)
    return Finding(truth, "balance", f"{listing}. {evidence.told(doubt.balances, doubt.price_micros)}")
