"""MP3 for an engine that only beeps, at the speed of a load test.

LAME takes 7 ms for a second of sound, which on two cores ends at about thirty lines a second. A beep says nothing: only
its pitch and its length are right. So each voice is encoded once, as a loop of frames that stand on their own, and a
line is as many of them as it lasts. The tag keeps different texts different files.
"""

import hashlib
from collections.abc import Hashable
from functools import lru_cache
from itertools import cycle, islice
from typing import cast

from pipeline.sandbox.media import OutputFormat, mp3_frames, mp3_tag
from pipeline.sandbox.voice import SAMPLE_RATE, Profile, VoiceEngine

_LOOP_TEXT = "a tone and no words at all, over and over again"


def press(engine: VoiceEngine, profile: Profile, text: str, samples: int, form: OutputFormat, comment: str) -> bytes:
    """Return an MP3 in the voice's pitch that lasts `samples` at 24 kHz, rounded up to whole frames."""
    frame_samples, loop = _loop(cast("Hashable", engine), profile, form)
    frames = -(-samples * form.rate // (SAMPLE_RATE * frame_samples))
    words = hashlib.sha256(text.encode()).hexdigest()[:16]
    return mp3_tag(f"{comment} [{words}]") + b"".join(islice(cycle(loop), frames))


@lru_cache(maxsize=2048)
def _loop(engine: Hashable, profile: Profile, form: OutputFormat) -> tuple[int, tuple[bytes, ...]]:
    pcm = cast("VoiceEngine", engine).speak(_LOOP_TEXT, profile)
    return mp3_frames(pcm, SAMPLE_RATE, form)
