"""Decoding with PyAV: the container is told by the magic bytes, every length is counted in decoded samples."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition

from pipeline.audio.loudness import Samples
from pipeline.audio.rejection import AudioRejected, rejected
from pipeline.audio.sniff import Container

_FORMATS = {Container.MP3: "mp3", Container.WAV: "wav", Container.M4A: "mov"}

_CODECS = frozenset(
    {"mp3", "mp3float", "aac", "alac", "adpcm_ms", "adpcm_ima_wav", "pcm_alaw", "pcm_mulaw", "pcm_u8"}
    | {"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_s16be", "pcm_s24be"}
)

_OPTIONS = {
    "format_whitelist": "mp3,wav,mov",
    # Playlists and DASH files name other files and hosts; neither is ever opened.
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(sorted(_CODECS)),
    # WAV is searched for other codecs in disguise up to this many bytes: the default costs 12 ms a file.
    "probesize": "65536",
    # PCM comes in packets of this many bytes at most: the default of 20 ms each costs more than the decoding.
    "max_size": "32768",
}

SAMPLE_RATES = range(8_000, 192_001)
MAX_CHANNELS = 8
_BLOCK_VALUES = 200_000
"""Samples of all channels together that are handed on at once: a second of stereo, or less of more."""
HIGHEST_SAMPLE = 2.0**31
"""Some programs write whole numbers as floating point. Nothing rightly goes beyond 32 bits, and squares still fit."""
_PLAIN_SPEAKERS = {1: ("FC",), 2: ("FL", "FR")}


@dataclass(frozen=True)
class StreamFacts:
    """What the sound is stored as. `bits` is None for codecs that have no sample size."""

    container: Container
    codec: str
    sample_rate: int
    bits: int | None
    channels: tuple[str, ...]
    """Speaker names: `FC`, or `FL` and `FR`, and so on."""

    @property
    def floating(self) -> bool:
        """Whether samples are stored as floating point, which may rightly pass full scale."""
        return self.codec.startswith("pcm_f")


class AudioInput:
    """An opened recording. `facts` describes the first decoded frame; headers are not asked."""

    def __init__(self, container: InputContainer, kind: Container) -> None:
        self.packets = 0
        self.packet_errors = 0
        self._container = container
        self._stream = container.streams.audio[0]
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        if self._first is None:
            raise undecodable("not one packet of it could be decoded")
        self.facts = _facts(self._first, kind, self._stream.codec_context.name)

    def blocks(self, max_seconds: float) -> Iterator[Samples]:
        """Yield the sound in pieces of a second or less, shaped (channels, samples), up to `max_seconds`."""
        rate = self.facts.sample_rate
        piece = min(rate, _BLOCK_VALUES // len(self.facts.channels))
        limit, total = int(max_seconds * rate), 0
        gathered: list[Samples] = []
        held = 0
        for frame in self._all_frames():
            gathered.append(_as_float(frame))
            held += frame.samples
            total += frame.samples
            if held >= piece or total >= limit:
                yield np.concatenate(gathered, axis=1)[:, : limit - total + held]
                gathered, held = [], 0
            if total >= limit:
                return
        if gathered:
            yield np.concatenate(gathered, axis=1)

    def _all_frames(self) -> Iterator[AudioFrame]:
        if self._first is not None:
            yield self._first
        for frame in self._frames:
            if (frame.sample_rate, _speakers(frame)) != (self.facts.sample_rate, self.facts.channels):
                raise rejected(
                    "changing_format",
                    f"the sample rate or the channels change in the middle: {frame.sample_rate} Hz, "
                    f"{len(_speakers(frame))} channels after {self.facts.sample_rate} Hz, "
                    f"{len(self.facts.channels)}",
                    measured="changes",
                    allowed="one sample rate and one channel layout",
                    hint="export the recording again as one WAV, MP3 or M4A file",
                )
            yield frame

    def _decoded(self) -> Iterator[AudioFrame]:
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except av.FFmpegError:
                self.packet_errors += 1
                continue
            except ValueError as error:  # PyAV's word for a header that leaves the decoder without its parameters
                raise undecodable("its header does not describe any sound") from error
            yield from (frame for frame in frames if frame.samples)

    def _demuxed(self) -> Iterator["Packet[AudioStream]"]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except MemoryError:
                raise
            except av.FFmpegError:
                self.packet_errors += 1
                return
            self.packets += bool(packet.size)
            yield packet


@contextmanager
def open_container(source: Path | bytes, kind: Container) -> Iterator[InputContainer]:
    """Open a recording as `kind` and nothing else. Raises `AudioRejected`; never another library's error."""
    file = BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with _opened(file, kind) as container:
            _refuse_video(container)
            _refuse_codec(container)
            yield container
    except av.error.MemoryError as error:
        raise too_costly() from error
    except av.FFmpegError as error:
        raise undecodable((error.strerror or "unknown error").lower()) from error


def _opened(file: BytesIO | str, kind: Container) -> InputContainer:
    try:
        return av.open(file, "r", format=_FORMATS[kind], options=dict(_OPTIONS))
    except av.FFmpegError:
        raise
    except ValueError as error:
        raise undecodable("its streams make no sense") from error


@contextmanager
def open_audio(source: Path | bytes, kind: Container) -> Iterator[AudioInput]:
    """Open a recording for decoding. Raises `AudioRejected`."""
    with open_container(source, kind) as container:
        yield AudioInput(container, kind)


def read_all(source: Path | bytes, kind: Container, *, max_seconds: float) -> tuple[Samples, StreamFacts]:
    """Return the whole sound, (channels, samples), up to `max_seconds`. Raises `AudioRejected`."""
    with open_audio(source, kind) as audio:
        blocks = list(audio.blocks(max_seconds))
        return np.concatenate(blocks, axis=1), audio.facts


def _facts(frame: AudioFrame, kind: Container, codec: str) -> StreamFacts:
    speakers = _speakers(frame)
    if frame.sample_rate not in SAMPLE_RATES or not 1 <= len(speakers) <= MAX_CHANNELS:
        raise rejected(
            "unsupported_format",
            f"{frame.sample_rate} Hz in {len(speakers)} channels cannot be used",
            measured=f"{frame.sample_rate} Hz, {len(speakers)} channels",
            allowed=f"{SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz, 1 to {MAX_CHANNELS} channels",
            hint="export the recording as a mono or stereo WAV at 44100 or 48000 Hz",
        )
    bits = re.fullmatch(r"pcm_[suf](\d+)(?:le|be)?", codec)
    return StreamFacts(
        kind, codec.replace("mp3float", "mp3"), frame.sample_rate, int(bits[1]) if bits else None, speakers
    )


def _speakers(frame: AudioFrame) -> tuple[str, ...]:
    # WAV files of one or two channels mostly do not say which: there is but one way to read them.
    layout = frame.layout
    return _PLAIN_SPEAKERS.get(layout.nb_channels) or tuple(channel.name for channel in layout.channels)


def _as_float(frame: AudioFrame) -> Samples:
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, frame.layout.nb_channels).T
    if raw.dtype.kind == "f":
        return _finite(raw)
    middle, full = (128, 128) if raw.dtype.kind == "u" else (0, 1 << (8 * raw.dtype.itemsize - 1))
    samples = raw.astype(np.float32)
    samples -= np.float32(middle)
    samples *= np.float32(1 / full)
    return samples


def _finite(raw: npt.NDArray[Any]) -> Samples:
    highest = float(np.abs(raw).max())  # NaN where one of them is
    if not highest <= HIGHEST_SAMPLE:
        raise _no_sound(highest)
    return raw.astype(np.float32)


def _no_sound(highest: float) -> AudioRejected:
    finite = math.isfinite(highest)
    return rejected(
        "damaged",
        f"the recording holds samples that are no {'sound' if finite else 'numbers'}",
        measured=f"a sample {20 * math.log10(highest):.0f} dB above full scale"
        if finite
        else "NaN or infinite samples",
        allowed="finite samples, at most 187 dB above full scale",
        hint="export the recording again, as 24-bit WAV",
    )


def _refuse_video(container: InputContainer) -> None:
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if films:
        codec = films[0].codec_context.name if films[0].codec_context else "unknown"
        raise rejected(
            "video",
            f"the file is a film: it has a picture track ({codec})",
            measured=f"{len(films)} picture track(s)",
            allowed="sound alone; a cover picture may stay",
            hint="export the sound track alone as WAV, MP3 or M4A",
        )


def _refuse_codec(container: InputContainer) -> None:
    """Hold the decoder to the codecs we know: the whitelist among the options binds the probing alone."""
    if not container.streams.audio:
        raise undecodable("there is no sound in it")
    context = container.streams.audio[0].codec_context
    codec = context.name if context else "something unknown"  # PyAV has no context where libav knows no decoder
    if codec not in _CODECS:
        raise rejected(
            "unsupported_codec",
            f"the sound is stored as {codec}, which we do not read",
            measured=codec,
            allowed="PCM, MP3, AAC or Apple Lossless",
            hint="export the recording as WAV, MP3 or M4A (AAC)",
        )


def too_costly() -> AudioRejected:
    """Return the rejection of a file that asks for more memory than there is for it."""
    return rejected(
        "too_costly",
        "the file needs more memory to read than any recording of its length should",
        measured="the memory limit was reached",
        allowed="the memory of a 5 min studio master",
        hint="export the recording again as a plain WAV, MP3 or M4A file",
    )


def undecodable(reason: str) -> AudioRejected:
    """Return the rejection of a file no sound can be read from."""
    return rejected(
        "undecodable",
        f"the file cannot be decoded: {reason}",
        measured="damaged or cut off",
        allowed="a complete WAV, MP3 or M4A file",
        hint="play the file to its end in an audio editor and export it again",
    )
