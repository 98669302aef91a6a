"""The door to the voice engine: set up in the background, called on threads of its own."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import ParamSpec, TypeVar

from pipeline.sandbox.book import Rendition
from pipeline.sandbox.errors import invalid, provider_failed
from pipeline.sandbox.faults import Drawn
from pipeline.sandbox.media import OutputFormat, encode
from pipeline.sandbox.spoiling import speak
from pipeline.sandbox.tones import press
from pipeline.sandbox.voice import SAMPLE_RATE, Profile, VoiceEngine

P = ParamSpec("P")
T = TypeVar("T")
EngineLoader = Callable[[str], VoiceEngine]

SPEAKING_LABEL = "Sandbox voice: for wiring, timing and casting previews; not the provider's clone; not for release"
TONE_LABEL = "NOT SPEECH: tones for wiring and timing"

_NO_FAULTS = Drawn()

# A profile is 4 KB of JSON and is read for every line; a cast is a few hundred voices.
read_profile = lru_cache(maxsize=1024)(Profile.from_json)


def labels(engine: VoiceEngine) -> dict[str, str]:
    """Return the headers that say whose voice this is not."""
    label = SPEAKING_LABEL if engine.speaks else TONE_LABEL
    return {"X-Sandbox-Voice": label, "X-Sandbox-Engine": f"{engine.name} {engine.version}"}


@dataclass(frozen=True, slots=True)
class Utterance:
    """What to say, how fast, in whose voice, in which format."""

    text: str
    voice_id: str
    speed: float
    form: OutputFormat


def render(
    engine: VoiceEngine, profile: Profile, spoken: Utterance, faults: Drawn = _NO_FAULTS
) -> tuple[bytes, Rendition]:
    """Speak and encode, spoilt where faults say so; 400 when the text holds nothing that can be spoken."""
    said = speak(engine, profile, (spoken.text, spoken.voice_id), spoken.speed, faults.points)
    pcm = said.pcm
    if not len(pcm):
        raise invalid("input holds nothing that can be spoken")
    label = labels(engine)["X-Sandbox-Voice"]
    if spoken.form.bit_rate is not None and not engine.speaks:
        audio = press(engine, profile, said.text, len(pcm), spoken.form, label)
    else:
        audio = encode(pcm, SAMPLE_RATE, spoken.form, label)
    digest = hashlib.sha256(audio).hexdigest()
    return audio, Rendition(digest, said.text, spoken.voice_id, len(pcm) / SAMPLE_RATE)


class VoiceHost:
    """Owns the engine and the threads it works on: one per core, since synthesis is all computing.

    Only cloning and speaking queue here, so that a check or a list never waits behind a long text.
    """

    def __init__(self, name: str, loader: EngineLoader) -> None:
        self.name = name
        self._loader = loader
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="sandbox-voice")
        self._loading: asyncio.Future[VoiceEngine] | None = None

    @property
    def state(self) -> str:
        """Return `idle`, `loading`, `failed`, or the name of the engine in use."""
        if self._loading is None:
            return "idle"
        if not self._loading.done():
            return "loading"
        return "failed" if self._loading.exception() else self._loading.result().name

    def start(self) -> asyncio.Future[VoiceEngine]:
        """Begin to load without waiting; once."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().run_in_executor(None, self._loader, self.name)
        return self._loading

    async def engine(self) -> VoiceEngine:
        """Wait for the engine; a 502 that says why when it cannot be had."""
        try:
            return await asyncio.shield(self.start())
        except Exception as error:
            raise provider_failed(f"the sandbox's voice engine {self.name!r} did not load: {error}") from error

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that computes on the engine's threads."""
        return await asyncio.wrap_future(self._threads.submit(function, *args, **kwargs))

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
