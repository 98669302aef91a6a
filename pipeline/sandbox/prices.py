"""The one price table, and what the public catalogue shows of it.

Clone, design, ElevenLabs and transcription prices are the vendor's. The two MiniMax speech prices are assumed:
clone and design both cost 1.4 times MiniMax's own price, and the same factor is applied. The price of
`transcribe-quality` is assumed too.
"""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.sandbox.money import MICROS_PER_USD, usd_number

CLONE_MODEL = "minimax-voice-clone"
DESIGN_MODEL = "minimax-voice-design"
DEFAULT_SPEECH_MODEL = "eleven-multilingual-v2"


class Mode(StrEnum):
    """What one unit of a model's price is."""

    CALL = "per-call"
    CHARACTER = "per-char"
    MINUTE = "per-minute"


@dataclass(frozen=True, slots=True)
class Model:
    """One sellable model; `price` is in micro-dollars per unit of `mode`."""

    id: str
    name: str
    provider: str
    modality: str
    mode: Mode
    price: int
    assumed: bool = False


MODELS = {
    model.id: model
    for model in (
        Model(CLONE_MODEL, "MiniMax Voice Clone", "minimax", "voice-clone", Mode.CALL, 2_100_000),
        Model(DESIGN_MODEL, "MiniMax Voice Design", "minimax", "voice-design", Mode.CALL, 4_200_000),
        Model("minimax-speech-hd", "MiniMax Speech HD", "minimax", "tts", Mode.CHARACTER, 140, assumed=True),
        Model("minimax-speech-turbo", "MiniMax Speech Turbo", "minimax", "tts", Mode.CHARACTER, 84, assumed=True),
        Model("eleven-v3", "Eleven v3", "elevenlabs", "tts", Mode.CHARACTER, 405),
        Model(DEFAULT_SPEECH_MODEL, "Eleven Multilingual v2", "elevenlabs", "tts", Mode.CHARACTER, 405),
        Model("eleven-flash-v2-5", "Eleven Flash v2.5", "elevenlabs", "tts", Mode.CHARACTER, 200),
        Model("eleven-turbo-v2-5", "Eleven Turbo v2.5", "elevenlabs", "tts", Mode.CHARACTER, 200),
        Model("whisper-v3-turbo", "Whisper v3 Turbo", "groq", "stt", Mode.MINUTE, 900),
        Model("transcribe-quality", "Transcribe Quality", "openai", "stt", Mode.MINUTE, 6_000, assumed=True),
    )
}
TRANSCRIPTION_ALIASES = {"transcribe": "whisper-v3-turbo"}


def speech_model(model_id: str) -> Model | None:
    """Return the text-to-speech model of that id, or None when it is no such model."""
    model = MODELS.get(model_id)
    return model if model is not None and model.modality == "tts" else None


def transcription_model(model_id: str) -> Model | None:
    """Return the transcription model of that id or alias, or None."""
    model = MODELS.get(TRANSCRIPTION_ALIASES.get(model_id, model_id))
    return model if model is not None and model.modality == "stt" else None


def model_rows() -> list[dict[str, object]]:
    """Return the rows of `GET /v1/models`."""
    return [
        {
            "id": model.id,
            "object": "model",
            "name": model.name,
            "owned_by": model.provider,
            "input_modalities": ["text"] if model.modality in ("tts", "voice-design") else ["audio"],
            "output_modalities": ["text"] if model.modality == "stt" else ["audio"],
            "release_stage": "sandbox",
        }
        for model in MODELS.values()
    ]


def pricing_rows() -> list[dict[str, object]]:
    """Return the media rows of `GET /v1/pricing`; figures that are not the vendor's say so."""
    return [
        {
            "id": model.id,
            "name": model.name,
            "modality": model.modality,
            "pricing_mode": model.mode,
            "usd_per_call": usd_number(model.price) if model.mode is Mode.CALL else None,
            "detail": _detail(model),
        }
        for model in MODELS.values()
    ]


def _detail(model: Model) -> dict[str, object]:
    match model.mode:
        case Mode.CALL:
            figures: dict[str, object] = {}
        case Mode.CHARACTER:
            figures = {"usd_per_1k_chars": model.price * 1000 / MICROS_PER_USD}
        case Mode.MINUTE:
            figures = {"usd_per_minute": usd_number(model.price)}
    return figures | ({"assumed": True} if model.assumed else {})
