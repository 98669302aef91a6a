"""The cover of an episode: a picture that players show, or none at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from pipeline.audio.rejection import AudioRejected, rejected

MOST_PIXELS: Final = 36_000_000
"""Four times what feeds want at most; a file of half a megabyte may claim enough of them to fill any memory."""
_MAGIC = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PN": "png_pipe"}
MEDIA_TYPES = {"jpeg_pipe": b"image/jpeg", "png_pipe": b"image/png"}
_BOUND = {"max_pixels": str(MOST_PIXELS)}


def read_cover(path: Path) -> bytes:
    """Return a cover that was looked at. Raises `AudioRejected` where players cannot show it, and `OSError`."""
    cover = path.read_bytes()
    try:
        with opened_picture(cover) as picture:
            stream = picture.streams.video[0]
            stream.codec_context.options = _BOUND
            if not stream.codec_context.width:
                raise _unfit(f"{path.name} holds no picture, or more than {MOST_PIXELS:,} pixels")
            next(picture.decode(video=0))
    except (av.FFmpegError, ValueError, IndexError, StopIteration) as error:
        raise _unfit(f"the picture in {path.name} cannot be decoded") from error
    return cover


@contextmanager
def opened_picture(cover: bytes) -> Iterator[InputContainer]:
    """Open a picture; raises `AudioRejected` where it is neither JPEG nor PNG."""
    form = picture_format(cover)
    with av.open(BytesIO(cover), "r", format=form, options={"format_whitelist": form, **_BOUND}) as container:
        yield container


def picture_format(cover: bytes) -> str:
    """Tell a picture's format by its first bytes, as libav calls it; raises `AudioRejected`."""
    form = _MAGIC.get(cover[:3])
    if form is None:
        raise _unfit(f"a file that begins with {cover[:8]!r}")
    return form


def _unfit(measured: str) -> AudioRejected:
    return rejected(
        "cover",
        "the cover is no picture that players show",
        measured=measured,
        allowed=f"JPEG or PNG of at most {MOST_PIXELS:,} pixels",
        hint="export it as JPEG, 1400 to 3000 pixels wide and high",
    )
