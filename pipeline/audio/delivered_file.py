"""Delivered files: written in the codings that engines read, and read again to be measured."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from pipeline.audio.delivery import Delivery, FileCoding
from pipeline.audio.loudness import Samples
from pipeline.audio.rejection import AudioToolFailed

LAYOUTS = {1: "mono", 2: "stereo"}
_MP3_BIT_RATE = 192_000
_VORBIS_COMPRESSION = 0.4
"""libvorbis' quality 6, about 90 kbit/s for speech at 48 kHz: what it takes away nobody hears."""
_BIT_EXACT = "+bitexact"
"""No date and no library version in the file: equal sound has equal hashes."""
_READING = {
    # What lies may not name other files, as playlists do.
    "protocol_whitelist": "file",
    # WAV is searched for other codecs in disguise up to this many bytes, and read in packets of at most as many of the
    # other figure: both defaults cost more than the decoding.
    "probesize": "65536",
    "max_size": "32768",
}
_CODECS = {16: "pcm_s16le", 24: "pcm_s24le"}


def write_file(path: Path, wanted: Delivery, sound: Samples) -> None:
    """Write sound, (channels, samples) at the wanted rate. Raises `AudioToolFailed`, and `OSError` for the disk's."""
    try:
        if wanted.coding is FileCoding.OGG:
            _write_vorbis(path, wanted, sound)
        else:
            _write_coded(path, wanted, sound)
    except OSError:
        raise
    except (av.FFmpegError, soundfile.SoundFileError, ValueError) as error:
        raise AudioToolFailed(f"could not write {wanted.coding} audio: {error}") from error


def read_file(source: Path | bytes, coding: FileCoding) -> Iterator[Samples]:
    """Yield the sound of a file as it comes, (channels, samples). Raises `AudioToolFailed` where it cannot be read."""
    file = BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with av.open(
            file, "r", format=coding.value, options={**_READING, "format_whitelist": coding.value}
        ) as container:
            plain = AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                yield from map(_samples, plain.resample(frame))
    except (av.FFmpegError, IndexError) as error:
        raise AudioToolFailed(f"the {coding} file cannot be read: {error}") from error


def rate_of(source: bytes, coding: FileCoding) -> int:
    """Return the sample rate of a file in Hz. Raises `AudioToolFailed` where it cannot be read."""
    try:
        with av.open(BytesIO(source), "r", format=coding.value) as container:
            return container.streams.audio[0].sample_rate
    except (av.FFmpegError, IndexError) as error:
        raise AudioToolFailed(f"the {coding} file cannot be read: {error}") from error


def _samples(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)


def _write_coded(path: Path, wanted: Delivery, sound: Samples) -> None:
    with av.open(str(path), "w", format=wanted.coding.value, options={"fflags": _BIT_EXACT}) as output:
        stream = cast("AudioStream", output.add_stream(_codec(wanted), rate=wanted.rate, options={"flags": _BIT_EXACT}))
        stream.codec_context.layout = LAYOUTS[wanted.channels]
        if wanted.coding is FileCoding.MP3:
            stream.codec_context.bit_rate = _MP3_BIT_RATE
        if wanted.coding is FileCoding.FLAC:
            stream.codec_context.format = "s32" if wanted.bits == 24 else "s16"  # noqa: PLR2004 - FLAC's own choice
        for at, block in _blocks(sound, wanted.rate):
            frame = AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[wanted.channels])
            frame.sample_rate, frame.pts = wanted.rate, at
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _codec(wanted: Delivery) -> str:
    if wanted.coding is FileCoding.WAV:
        return _CODECS[wanted.bits]
    return {FileCoding.MP3: "libmp3lame", FileCoding.FLAC: "flac"}[wanted.coding]


def _write_vorbis(path: Path, wanted: Delivery, sound: Samples) -> None:
    settings: dict[str, Any] = {"samplerate": wanted.rate, "channels": wanted.channels}
    with soundfile.SoundFile(
        str(path), "w", format="OGG", subtype="VORBIS", compression_level=_VORBIS_COMPRESSION, **settings
    ) as file:
        # libvorbis keeps all it is given at once on its stack: blocks of a second are safe.
        for _, block in _blocks(sound, wanted.rate):
            file.write(block.T)


def _blocks(sound: Samples, length: int) -> Iterator[tuple[int, Samples]]:
    for at in range(0, sound.shape[1], length):
        yield at, np.ascontiguousarray(sound[:, at : at + length], dtype=np.float32)
