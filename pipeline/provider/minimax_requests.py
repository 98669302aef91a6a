"""What is asked of MiniMax, in its own words."""

import re
from dataclasses import dataclass

from pipeline.delivery import Controls
from pipeline.provider.errors import Refused
from pipeline.provider.minimax_prices import SPEECH
from pipeline.provider.port import DesignRequest, SpeechRequest

PREVIEW = "Hello."
"""A design has to speak a sample, billed by the character."""

_VOICE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{6,254}[A-Za-z0-9]")
CONTROLS = Controls(
    pitch=(-12, 12),
    volume=(0.01, 10.0),
    emotions=("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm"),
)
"""Of the models in `SPEECH`; `fluent` and `whisper` are for others."""
_NAMES = {"volume": "vol"}


@dataclass(frozen=True)
class AudioForm:
    """One of our format names in MiniMax's words: `rate` in Hz, `bit_rate` in bits a second for MP3."""

    container: str
    rate: int
    content_type: str
    bit_rate: int | None = None

    def setting(self) -> dict[str, object]:
        """Return the `audio_setting`; everything is spoken on one channel."""
        bit_rate = {} if self.bit_rate is None else {"bitrate": self.bit_rate}
        return {"format": self.container, "sample_rate": self.rate, "channel": 1, **bit_rate}


FORMATS = {
    "mp3": AudioForm("mp3", 32_000, "audio/mpeg", 128_000),
    "mp3_44100_128": AudioForm("mp3", 44_100, "audio/mpeg", 128_000),
    "mp3_22050_32": AudioForm("mp3", 22_050, "audio/mpeg", 32_000),
    **{f"pcm_{rate}": AudioForm("pcm", rate, "audio/pcm") for rate in (16_000, 22_050, 24_000, 44_100)},
    "ulaw_8000": AudioForm("pcmu_raw", 8_000, "audio/basic"),
}
"""The names mean what they mean at Kyma; MiniMax has no MP3 at 192 kbit/s."""


def chosen_id(wanted: str | None) -> str:
    """Return the id a voice is to have.

    Raises:
        Refused: there is none, or MiniMax would not take it.
    """
    if wanted is None or not _VOICE_ID.fullmatch(wanted):
        raise Refused(
            f"MiniMax makes no voice under the id {wanted!r}: it takes 8 to 256 letters, digits, '-' and '_', the"
            " first a letter, the last a letter or digit. Nothing was sent."
        )
    return wanted


def design(request: DesignRequest) -> dict[str, object]:
    """Return the body of a design; MiniMax knows gender and age as words of the description only."""
    traits = ", ".join(filter(None, (request.gender, request.age_group)))
    return {
        "prompt": f"{request.description} ({traits})" if traits else request.description,
        "preview_text": request.preview_text or PREVIEW,
        "voice_id": chosen_id(request.chosen_id),
    }


def speech(request: SpeechRequest, form: AudioForm) -> dict[str, object]:
    """Return the body of a speech call."""
    asked = {_NAMES.get(name, name): value for name, value in request.delivery.coloured().items()}
    voice: dict[str, object] = {"voice_id": request.provider_voice_id, **asked}
    if request.delivery.speed is not None:
        voice["speed"] = request.delivery.speed
    return {
        "model": SPEECH[request.model].upstream,
        "text": request.text,
        "stream": False,
        "output_format": "hex",
        "voice_setting": voice,
        "audio_setting": form.setting(),
    }
