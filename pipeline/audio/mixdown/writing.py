"""Writes one file of an episode as its sound streams by: coded, tagged, with chapters and cover."""

import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition, Stream

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding, Tags
from pipeline.audio.mixdown.dithering import Dither
from pipeline.audio.mixdown.encoding import ParallelMp3, codec_options, set_up
from pipeline.audio.mixdown.picture import MEDIA_TYPES, opened_picture, picture_format
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.mixdown.stretches import BIT_EXACT, LAYOUTS, Packets
from pipeline.audio.rejection import AudioToolFailed

if TYPE_CHECKING:
    from av.container.core import Chapter

_MILLISECOND = Fraction(1, 1000)
_FRONT_COVER = 3
_AUDIOBOOK = "2"
_CHAPTERS_ARE_COMMENTS = frozenset({"flac", "ogg"})
"""libav writes none into FLAC files, and rounds half seconds up in Ogg files before it adds the milliseconds."""
_HOLDS_A_COVER = frozenset({"mp3", "mp4", "flac"})


class EpisodeFile:
    """A file that is being written; use `episode_file`."""

    def __init__(self, output: OutputContainer, coding: Coding, channels: int) -> None:
        self._output, self._gain = output, np.float32(1 / coding.scale)
        self._stream = _add_stream(output, coding, channels)
        self._dither = Dither(channels) if coding.dithered else None
        parallel = coding.codec == "libmp3lame"
        self._encoder = ParallelMp3(coding, channels) if parallel else _OneEncoder(self._stream, channels)

    def begin(self, coding: Coding, tags: Tags) -> None:
        """Write what stands before the sound."""
        self._output.metadata.update(_metadata(coding, tags))
        if coding.muxer not in _CHAPTERS_ARE_COMMENTS:
            self._output.set_chapters([_chapter(number, tags) for number in range(len(tags.marks))])
        if tags.cover is None or coding.muxer not in _HOLDS_A_COVER:
            self._output.start_encoding()
            return
        with opened_picture(tags.cover) as picture:
            stream = self._output.add_stream_from_template(picture.streams.video[0], opaque=True)
            _as_front_cover(stream)
            self._output.start_encoding()
            packet = next(picture.demux(video=0))
            packet.stream, packet.pts, packet.dts = stream, 0, 0
            self._output.mux(packet)

    def write(self, block: Samples) -> None:
        """Take the next samples, (channels, samples) at `RATE`. Raises `AudioToolFailed`, and `OSError`."""
        if not block.shape[1]:
            return
        with _told():
            sound = block * self._gain
            self._mux(self._encoder.feed(self._dither.feed(sound) if self._dither else sound))

    def end(self) -> None:
        """Write what the codec still holds."""
        self._mux(self._encoder.flush())

    def abandon(self) -> None:
        """Let no encoder go on."""
        self._encoder.close()

    def _mux(self, encoded: Iterator[Packets]) -> None:
        for packets in encoded:
            for packet in packets:
                packet.stream = self._stream
                self._output.mux(packet)


class _OneEncoder:
    """Encodes with the file's own encoder, as sound comes."""

    def __init__(self, stream: AudioStream, channels: int) -> None:
        self._stream, self._layout, self._at = stream, LAYOUTS[channels], 0

    def feed(self, block: Samples) -> Iterator[Packets]:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = RATE, self._at
        self._at += frame.samples
        yield self._stream.encode(frame)

    def flush(self) -> Iterator[Packets]:
        yield self._stream.encode(None)

    def close(self) -> None:
        """It has nothing that goes on by itself."""


@contextmanager
def episode_file(path: Path, coding: Coding, channels: int, tags: Tags) -> Iterator[EpisodeFile]:
    """Open a file for writing; it is complete when the block ends well, and gone when it does not.

    Raises `AudioRejected` for a cover that is no picture, `AudioToolFailed`, and `OSError` for the disk's.
    """
    try:
        with _told():
            options = {"fflags": BIT_EXACT, **_muxer_options(coding)}
            with av.open(str(path), "w", format=coding.muxer, options=options) as output:
                file = EpisodeFile(output, coding, channels)
                try:
                    file.begin(coding, tags)
                    yield file
                    file.end()
                finally:
                    file.abandon()
    except BaseException:
        with suppress(FileNotFoundError):
            path.unlink()
        raise


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise AudioToolFailed(f"the episode could not be written: {error}") from error


def _muxer_options(coding: Coding) -> dict[str, str]:
    if coding.muxer == "mp4":
        # The table of contents comes first, so that players can start before they have the whole file.
        return {"brand": coding.brand, "movflags": "+faststart"}
    # More than 4 GB do not fit a plain WAV file.
    return {"rf64": "auto"} if coding.muxer == "wav" else {}


def _add_stream(output: OutputContainer, coding: Coding, channels: int) -> AudioStream:
    stream = cast("AudioStream", output.add_stream(coding.codec, rate=RATE, options=codec_options(coding)))
    set_up(stream.codec_context, coding, channels)
    return stream


def _metadata(coding: Coding, tags: Tags) -> dict[str, str]:
    told = {
        "title": tags.title,
        "artist": tags.author or tags.show,
        "album": tags.show,
        "album_artist": tags.show,
        "track": str(tags.number) if tags.number is not None else "",
        "date": tags.date,
        "genre": tags.genre,
        "comment": tags.description,
        "description": tags.description,
    }
    if coding.brand == "M4B ":
        told["media_type"] = _AUDIOBOOK
    if coding.muxer in _CHAPTERS_ARE_COMMENTS:
        told |= _vorbis_chapters(tags)
    if coding.muxer == "ogg" and tags.cover:
        told["METADATA_BLOCK_PICTURE"] = _picture_comment(tags.cover)
    return {key: value for key, value in told.items() if value}


def _vorbis_chapters(tags: Tags) -> dict[str, str]:
    """Return chapters as comments, for the starts that libav would not write, or a second late."""
    comments = {}
    for number, mark in enumerate(tags.marks):
        minutes, seconds = divmod(mark.start, 60)
        comments[f"CHAPTER{number:03}"] = f"{int(minutes // 60):02}:{int(minutes % 60):02}:{seconds:06.3f}"
        comments[f"CHAPTER{number:03}NAME"] = mark.title
    return comments


def _picture_comment(cover: bytes) -> str:
    """Return a cover as Ogg files hold it: FLAC's picture block in base64; sizes of 0 are unknown ones."""
    mime = MEDIA_TYPES[picture_format(cover)]
    block = struct.pack(">II", _FRONT_COVER, len(mime)) + mime + struct.pack(">6I", 0, 0, 0, 0, 0, len(cover)) + cover
    return b64encode(block).decode()


def _chapter(number: int, tags: Tags) -> "Chapter":
    mark = tags.marks[number]
    return {
        "id": number,
        "start": round(mark.start / _MILLISECOND),
        "end": round(mark.end / _MILLISECOND),
        "time_base": _MILLISECOND,
        "metadata": {"title": mark.title},
    }


def _as_front_cover(stream: Stream) -> None:
    stream.disposition = Disposition.attached_pic
    stream.metadata["comment"] = "Cover (front)"
