"""Writes one file of an episode as its sound streams by: coded, tagged, with chapters and cover."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding, Tags
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.rejection import AudioToolFailed, rejected

if TYPE_CHECKING:
    from av.container.core import Chapter

_LAYOUTS = {1: "mono", 2: "stereo"}
_BIT_EXACT = "+bitexact"
"""No date and no library version in the file: equal sound has equal hashes."""
_MILLISECOND = Fraction(1, 1000)
_LAME_STEP = 118
"""FFmpeg counts quality in this many steps to one of LAME's."""
_PICTURES = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PN": "png_pipe"}
_AUDIOBOOK = "2"
_HOLDS_A_COVER = frozenset({"mp3", "mp4", "flac"})


class EpisodeFile:
    """A file that is being written; use `episode_file`."""

    def __init__(self, output: OutputContainer, coding: Coding, channels: int) -> None:
        self._output, self._layout, self._at = output, _LAYOUTS[channels], 0
        self._gain = np.float32(1 / coding.scale)
        self._stream = _add_stream(output, coding, channels)

    def begin(self, coding: Coding, tags: Tags) -> None:
        """Write what stands before the sound."""
        self._output.metadata.update(_metadata(coding, tags))
        self._output.set_chapters([_chapter(number, tags) for number in range(len(tags.marks))])
        if tags.cover is None or coding.muxer not in _HOLDS_A_COVER:
            self._output.start_encoding()
            return
        with _picture(tags.cover) as picture:
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
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block * self._gain), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = RATE, self._at
        self._at += frame.samples
        with _told():
            self._output.mux(self._stream.encode(frame))

    def end(self) -> None:
        """Write what the codec still holds."""
        self._output.mux(self._stream.encode(None))


@contextmanager
def episode_file(path: Path, coding: Coding, channels: int, tags: Tags) -> Iterator[EpisodeFile]:
    """Open a file for writing; it is complete when the block ends well, and gone when it does not.

    Raises `AudioRejected` for a cover that is no picture, `AudioToolFailed`, and `OSError` for the disk's.
    """
    try:
        with _told():
            options = {"fflags": _BIT_EXACT, **_muxer_options(coding)}
            with av.open(str(path), "w", format=coding.muxer, options=options) as output:
                file = EpisodeFile(output, coding, channels)
                file.begin(coding, tags)
                yield file
                file.end()
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
    options = {"flags": _BIT_EXACT}
    if coding.vbr_quality is not None:
        options |= {"flags": f"{_BIT_EXACT}+qscale", "global_quality": str(coding.vbr_quality * _LAME_STEP)}
    if coding.codec == "aac":
        # Half the time of the default search; at these bit rates the difference cannot be heard.
        options["aac_coder"] = "fast"
    stream = cast("AudioStream", output.add_stream(coding.codec, rate=RATE, options=options))
    stream.codec_context.layout = _LAYOUTS[channels]
    if coding.bit_rates:
        stream.codec_context.bit_rate = coding.bit_rates[channels - 1]
    if coding.codec == "flac":
        stream.codec_context.format = "s32" if coding.bits == 24 else "s16"  # noqa: PLR2004 - FLAC's own choice
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
    if coding.muxer == "flac":
        told |= _vorbis_chapters(tags)
    return {key: value for key, value in told.items() if value}


def _vorbis_chapters(tags: Tags) -> dict[str, str]:
    """Return chapters as comments: libav writes them so into Ogg files, into FLAC files it does not."""
    comments = {}
    for number, mark in enumerate(tags.marks):
        minutes, seconds = divmod(mark.start, 60)
        comments[f"CHAPTER{number:03}"] = f"{int(minutes // 60):02}:{int(minutes % 60):02}:{seconds:06.3f}"
        comments[f"CHAPTER{number:03}NAME"] = mark.title
    return comments


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


@contextmanager
def _picture(cover: bytes) -> Iterator[InputContainer]:
    form = _PICTURES.get(cover[:3])
    if form is None:
        raise rejected(
            "cover",
            "the cover is no picture that players show",
            measured=f"a file that begins with {cover[:8]!r}",
            allowed="JPEG or PNG",
            hint="export it as JPEG, 1400 to 3000 pixels wide and high",
        )
    with av.open(BytesIO(cover), "r", format=form, options={"format_whitelist": form}) as container:
        yield container
