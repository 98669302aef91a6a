"""Encoding with PyAV, and the choice of what to encode as."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from pipeline.audio.loudness import Samples
from pipeline.audio.rejection import AudioToolFailed
from pipeline.audio.sniff import Container

Pcm = npt.NDArray[np.int16]
"""16-bit sound as (channels, samples)."""

WAV_HEADER_BYTES = 44
_WAV_RATES = (48_000, 44_100, 32_000, 24_000)
_AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
"""The sampling frequencies of AAC (ISO/IEC 14496-3, table 1.18), from ours down: any other cannot be written."""
_M4A_BIT_RATES = (256_000, 224_000, 192_000, 160_000, 128_000, 96_000, 64_000)
_M4A_OVERHEAD = 1.03
"""Container and rate control together, measured below 2 %."""
_AAC_BITS_PER_SAMPLE = 6
"""The most an AAC frame may hold: 6144 bits for 1024 samples of a channel."""

_MUXERS = {Container.MP3: "mp3", Container.WAV: "wav", Container.M4A: "ipod"}


@dataclass(frozen=True)
class Encoding:
    """How to write a sound; `reason` says why so, for the person who reads the report."""

    container: Container
    codec: str
    sample_rate: int
    bit_rate: int | None = None
    reason: str = ""


def choose_encoding(seconds: float, sample_rate: int, max_bytes: int) -> Encoding:
    """Return the best mono encoding of this length that fits `max_bytes`.

    Uncompressed sound comes first, down to 24 kHz (speech has little above 12 kHz); beyond that AAC at the
    full rate loses less than a still lower rate would.
    """
    for rate in sorted({sample_rate, *_WAV_RATES}, reverse=True):
        fits = WAV_HEADER_BYTES + 2 * rate * seconds <= max_bytes
        if rate <= sample_rate and rate >= min(sample_rate, _WAV_RATES[-1]) and fits:
            kept = "at its own rate" if rate == sample_rate else f"down from {sample_rate} Hz"
            return Encoding(Container.WAV, "pcm_s16le", rate, reason=f"{seconds:.1f} s fit as 16-bit WAV {kept}")
    return _m4a_encoding(seconds, sample_rate, max_bytes)


def _m4a_encoding(seconds: float, source_rate: int, max_bytes: int) -> Encoding:
    sample_rate = next((rate for rate in _AAC_RATES if rate <= source_rate), _AAC_RATES[-1])
    budget = max_bytes * 8 / seconds / _M4A_OVERHEAD
    ceiling = min(budget, sample_rate * _AAC_BITS_PER_SAMPLE)
    bit_rate = next((rate for rate in _M4A_BIT_RATES if rate <= ceiling), _M4A_BIT_RATES[-1])
    reason = f"{seconds:.1f} s do not fit {max_bytes} bytes as WAV at {_WAV_RATES[-1]} Hz"
    return Encoding(Container.M4A, "aac", sample_rate, bit_rate, reason)


def write(target: Path | BinaryIO, encoding: Encoding, pcm: Iterable[Pcm], channels: int = 1) -> None:
    """Write PCM, already at the encoding's rate. The same sound gives the same bytes.

    Raises `AudioToolFailed`.
    """
    layout = "mono" if channels == 1 else "stereo"
    file = str(target) if isinstance(target, Path) else target
    try:
        with av.open(file, "w", format=_MUXERS[encoding.container], options=_muxer_options()) as output:
            stream = cast(
                "AudioStream",
                output.add_stream(encoding.codec, rate=encoding.sample_rate, options=_codec_options(encoding)),
            )
            stream.codec_context.layout = layout
            if encoding.bit_rate:
                stream.codec_context.bit_rate = encoding.bit_rate
            for frame in _frames(pcm, encoding.sample_rate, layout):
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise AudioToolFailed(f"could not write {encoding.container} audio ({encoding.codec})") from error


def resample(blocks: Iterable[Samples], source_rate: int, target_rate: int) -> Iterator[Samples]:
    """Yield mono sound at another rate; untouched where the rates are equal."""
    if source_rate == target_rate:
        yield from blocks
        return
    resampler = AudioResampler(format="fltp", layout="mono", rate=target_rate)
    at = 0
    for block in blocks:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = source_rate, at
        at += frame.samples
        yield from _resampled(resampler.resample(frame))
    yield from _resampled(resampler.resample(None))


def to_pcm(samples: Samples) -> Pcm:
    """Return 16-bit sound; what passes full scale is held there."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def _resampled(frames: Iterable[AudioFrame]) -> Iterator[Samples]:
    for frame in frames:
        if frame.samples:
            yield frame.to_ndarray().astype(np.float32, copy=False)


def _frames(pcm: Iterable[Pcm], rate: int, layout: str) -> Iterator[AudioFrame]:
    at = 0
    for block in pcm:
        interleaved = np.ascontiguousarray(block.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(interleaved, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, at
        at += frame.samples
        yield frame


def _muxer_options() -> dict[str, str]:
    # No date and no library version in the file: equal sound has equal hashes.
    return {"fflags": "+bitexact"}


def _codec_options(encoding: Encoding) -> dict[str, str]:
    if encoding.codec == "aac":
        # Half the time of the default search; at these bit rates the difference cannot be heard.
        return {"aac_coder": "fast", "flags": "+bitexact"}
    return {"flags": "+bitexact"}
