"""`POST /v1/t2a_v2`: text in, hexadecimal audio out; a voice's fee falls due with its first words."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox import errors
from pipeline.sandbox.book import Rendition, Sale, Voice
from pipeline.sandbox.host import Utterance, labels, read_profile, render
from pipeline.sandbox.media import OutputFormat
from pipeline.sandbox.minimax import prices, wire
from pipeline.sandbox.minimax.fields import arrive, choice_of, number_of, object_of, text_of
from pipeline.sandbox.prices import Model
from pipeline.sandbox.visit import Visit
from pipeline.sandbox.voice import Profile, VoiceEngine

router = APIRouter(route_class=wire.NumberedRoute)

MAX_CHARACTERS = 9_999
NO_CREDITS = "billing_error"
_SAMPLE_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100)
_BIT_RATES = (32_000, 64_000, 128_000, 256_000)
_CODECS = {
    "mp3": ("audio/mpeg", "mp3", "libmp3lame"),
    "pcm": ("audio/pcm", "s16le", "pcm_s16le"),
    "wav": ("audio/wav", "wav", "pcm_s16le"),
    "pcmu_raw": ("audio/basic", "mulaw", "pcm_mulaw"),
}
# What MPEG-2.5 and MPEG-2 can hold.
_LOW_RATES = ((16_000, 64_000), (32_000, 160_000))


@dataclass(frozen=True, slots=True)
class Script:
    """A speech request that was understood."""

    utterance: Utterance
    model: Model

    @property
    def characters(self) -> int:
        """Return the characters billed."""
        return prices.usage_characters(self.utterance.text)

    @property
    def price(self) -> int:
        """Return micro-dollars, without the voice's own fee."""
        return self.characters * self.model.price


@router.post("/v1/t2a_v2")
async def speak(request: Request) -> Response:
    """Speak with a system voice or with one of the caller's own."""
    visit, body = await arrive(request, prices.SPEECH["speech-2.8-hd"])
    script = _script(body)
    visit.spoil(script.utterance)
    balance, found = await visit.look_up(script.utterance.voice_id)
    voice = _usable(visit, found)
    price = script.price + (voice.fee_due if voice else 0)
    visit.check_funds(balance, price, NO_CREDITS)
    engine = await visit.box.voices.engine()
    profile = _profile(engine, script, voice)
    await visit.upstream()
    audio, rendition = await visit.box.voices.run(render, engine, profile, script.utterance, visit.drawn)
    visit.after_upstream()
    sale = Sale("speech", script.model.id, script.characters, script.price, script.utterance.voice_id)
    await visit.settle(lambda: visit.box.book.sell_speech(visit.call, sale, rendition), price, NO_CREDITS)
    response = wire.reply(request, _body(visit, script, audio, rendition))
    response.headers.update(labels(engine))
    return await visit.answer(response)


def _usable(visit: Visit, voice: Voice | None) -> Voice | None:
    """Return the caller's voice; None where the id is no voice made here, and so perhaps a system voice."""
    if voice is None or voice.model not in prices.VOICES:
        return None
    if voice.user != visit.user:
        raise errors.not_owned()
    if voice.deleted or voice.expired(visit.box.clock.now_ms()):
        raise wire.NumberedError(wire.NO_SUCH_VOICE, f"voice {voice.voice_id!r} does not exist any more")
    return voice


def _profile(engine: VoiceEngine, script: Script, voice: Voice | None) -> Profile:
    if voice is not None:
        return read_profile(voice.profile)
    system = engine.system_profile(script.utterance.voice_id)
    if system is None:
        raise wire.NumberedError(wire.NO_SUCH_VOICE, f"voice {script.utterance.voice_id!r} does not exist")
    return system


def _script(body: dict[str, Any]) -> Script:
    name = body.get("model")
    model = prices.SPEECH.get(name) if isinstance(name, str) else None
    if model is None:
        raise wire.bad(f"model must be one of {', '.join(prices.SPEECH)}")
    choice_of(body, "stream", default=False, choices=(False,))
    choice_of(body, "output_format", "hex", ("hex",))
    setting = object_of(body, "voice_setting")
    voice_id = text_of(setting, "voice_id", 256)
    speed = number_of(setting, "speed", 1.0, 0.5, 2.0)
    return Script(Utterance(text_of(body, "text", MAX_CHARACTERS), voice_id, speed, _form(body)), model)


def _form(body: dict[str, Any]) -> OutputFormat:
    setting = object_of(body, "audio_setting")
    name = choice_of(setting, "format", "mp3", _CODECS)
    rate = choice_of(setting, "sample_rate", 32_000, _SAMPLE_RATES)
    bit_rate = choice_of(setting, "bitrate", 128_000, _BIT_RATES)
    choice_of(setting, "channel", 1, (1,))
    most = next((most for below, most in _LOW_RATES if rate < below), max(_BIT_RATES))
    return OutputFormat(name, *_CODECS[name], rate, min(bit_rate, most) if name == "mp3" else None)


def _body(visit: Visit, script: Script, audio: bytes, rendition: Rendition) -> dict[str, Any]:
    form = script.utterance.form
    return {
        "data": {"audio": audio.hex(), "status": 2},
        "extra_info": {
            "audio_length": round(rendition.seconds * 1000),
            "audio_sample_rate": form.rate,
            "audio_size": len(audio),
            "bitrate": form.bit_rate or 0,
            "word_count": len(script.utterance.text.split()),
            "invisible_character_ratio": 0,
            "usage_characters": script.characters,
            "audio_format": form.name,
            "audio_channel": 1,
        },
        "trace_id": visit.call.request_id,
    }
