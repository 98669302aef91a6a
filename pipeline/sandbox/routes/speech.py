"""`POST /v1/audio/speech`: text in, audio out, charged by the character."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from pipeline.sandbox import errors
from pipeline.sandbox.body import MAX_JSON_BYTES, parse_json, read_body
from pipeline.sandbox.book import Rendition, Sale, Voice
from pipeline.sandbox.host import Utterance, labels, read_profile, render
from pipeline.sandbox.media import DEFAULT_FORMAT, FORMATS
from pipeline.sandbox.money import format_usd
from pipeline.sandbox.prices import DEFAULT_SPEECH_MODEL, MODELS, Model, speech_model
from pipeline.sandbox.visit import Visit
from pipeline.sandbox.voice import Profile, VoiceEngine

router = APIRouter()

MAX_CHARACTERS = 5000
SLOWEST, FASTEST = 0.5, 2.0
NO_CREDITS = "billing_error"
STREAM_BLOCK_BYTES = 16_384
_UNIT_SETTINGS = ("stability", "similarity_boost", "style")


@dataclass(frozen=True, slots=True)
class Script:
    """A speech request that was understood."""

    utterance: Utterance
    model: Model
    stream: bool

    @property
    def price(self) -> int:
        """Return micro-dollars: every character counts, spaces included."""
        return len(self.utterance.text) * self.model.price


@router.post("/v1/audio/speech")
async def speech(request: Request) -> Response:
    """Speak with a system voice or with one of the caller's own."""
    visit = await Visit.begin(request, counted=True)
    body = parse_json(await read_body(request, visit.call, MAX_JSON_BYTES))
    model = _model(body)
    with visit.slot(model):
        script = _script(body, model)
        visit.spoil(script.utterance)
        balance, voice = await visit.look_up(script.utterance.voice_id)
        if voice is not None and voice.model not in MODELS:
            voice = None
        if voice is not None and voice.user != visit.user:
            raise errors.not_owned()
        visit.check_funds(balance, script.price, NO_CREDITS)
        engine = await visit.box.voices.engine()
        await visit.upstream()
        audio, rendition = await visit.box.voices.run(_perform, visit, engine, script, voice)
        visit.after_upstream()
        sale = Sale("speech", model.id, len(script.utterance.text), script.price, script.utterance.voice_id)
        left = await visit.settle(
            lambda: visit.box.book.sell_speech(visit.call, sale, rendition), script.price, NO_CREDITS
        )
    response = Response(audio, media_type=script.utterance.form.content_type)
    response.headers.update(_headers(script, left) | labels(engine))
    spoilt = await visit.answer(response)
    return _streamed(spoilt) if script.stream and spoilt is response else spoilt


def _headers(script: Script, balance: int) -> dict[str, str]:
    return {
        "X-Kyma-Model": script.model.id,
        "X-Kyma-Chars-Billed": str(len(script.utterance.text)),
        "X-Kyma-Cost-USD": format_usd(script.price),
        "X-Kyma-Balance-USD": format_usd(balance),
    }


def _perform(visit: Visit, engine: VoiceEngine, script: Script, voice: Voice | None) -> tuple[bytes, Rendition]:
    return render(engine, _profile(visit, engine, script, voice), script.utterance, visit.drawn)


def _profile(visit: Visit, engine: VoiceEngine, script: Script, voice: Voice | None) -> Profile:
    """Return whose voice it is; an id that nobody owns goes upstream, which knows the system voices only."""
    if voice is None:
        system = engine.system_profile(script.utterance.voice_id)
        if system is None:
            raise errors.provider_failed("Upstream provider failed: voice not found")
        return system
    expired = visit.box.config.expire_unused and voice.expired(visit.box.clock.now_ms())
    if expired or script.model.provider != "minimax":
        raise errors.provider_failed("Upstream provider failed: voice not found")
    return read_profile(voice.profile)


def _model(body: dict[str, Any]) -> Model:
    name = body.get("model", DEFAULT_SPEECH_MODEL)
    model = speech_model(name) if isinstance(name, str) else None
    if model is None:
        raise errors.invalid(f"{name!r} is not a text-to-speech model", "not_a_tts_model")
    return model


def _script(body: dict[str, Any], model: Model) -> Script:
    voice_id = body.get("voice_id", body.get("voice"))
    if not isinstance(voice_id, str) or not voice_id:
        raise errors.invalid("voice_id is required: there is no default voice", "voice_required")
    name = body.get("response_format", DEFAULT_FORMAT)
    form = FORMATS.get(name) if isinstance(name, str) else None
    if form is None:
        raise errors.invalid(f"response_format must be one of {', '.join(FORMATS)}")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise errors.invalid("stream must be true or false")
    _check_settings(body.get("voice_settings", {}))
    speed = _number(body.get("speed", 1.0), "speed", SLOWEST, FASTEST)
    return Script(Utterance(_text(body), voice_id, speed, form), model, stream)


def _text(body: dict[str, Any]) -> str:
    text = body.get("input", body.get("text"))
    if not isinstance(text, str) or not text.strip():
        raise errors.invalid("input is required")
    if len(text) > MAX_CHARACTERS:
        message = f"input has {len(text)} characters; at most {MAX_CHARACTERS} are taken in one call"
        raise errors.invalid(message, "input_too_long")
    return text


def _check_settings(settings: object) -> None:
    """Check the ElevenLabs settings; the sandbox's voices have no such knobs."""
    if not isinstance(settings, dict):
        raise errors.invalid("voice_settings must be an object")
    for name in _UNIT_SETTINGS:
        _number(settings.get(name, 0), f"voice_settings.{name}", 0.0, 1.0)
    if not isinstance(settings.get("use_speaker_boost", False), bool):
        raise errors.invalid("voice_settings.use_speaker_boost must be true or false")


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise errors.invalid(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def _streamed(whole: Response) -> StreamingResponse:
    """Send the same bytes chunked, without announcing how many there are."""
    headers = {name: value for name, value in whole.headers.items() if name != "content-length"}
    return StreamingResponse(_blocks(bytes(whole.body)), whole.status_code, headers)


async def _blocks(audio: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(audio), STREAM_BLOCK_BYTES):
        yield audio[start : start + STREAM_BLOCK_BYTES]
