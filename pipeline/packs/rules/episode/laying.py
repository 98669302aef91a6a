"""Where the music of an episode plays. All times in seconds."""

from collections.abc import Iterator, Sequence

from pipeline.intake.rules.episode import Music
from pipeline.packs.rules.episode.timeline import Laid, Placed

SOFT_EDGE = 0.02
"""Where music begins or ends by itself: long enough against a click, too short for a fade."""
_LEAST_LOOP = 1.0
"""Music shorter than this is not repeated as a bed: it would buzz."""


def lay_intro(music: Music | None, seconds: float | None) -> Laid | None:
    """Return the intro: from the beginning of the file, faded out at its end."""
    if music is None or seconds is None:
        return None
    return Laid("intro", 0.0, seconds, SOFT_EDGE, music.fade)


def lay_outro(music: Music | None, seconds: float | None, talk_end: float) -> Laid | None:
    """Return the outro: it comes in under the last words where it is told to, else after them."""
    if music is None or seconds is None:
        return None
    start = max(0.0, talk_end - music.under)
    return Laid("outro", start, seconds, music.fade if music.under else SOFT_EDGE, music.fade)


def lay_stings(changes: Sequence[tuple[Placed, Placed]], seconds: float | None) -> list[Laid]:
    """Return a sting for each change of chapter, in the middle of the silence there."""
    if seconds is None:
        return []
    middles = [(before.end + after.start) / 2 for before, after in changes]
    return [Laid("sting", middle - seconds / 2, seconds, SOFT_EDGE, SOFT_EDGE) for middle in middles]


def lay_bed(music: Music | None, seconds: float | None, talk: tuple[float, float]) -> list[Laid]:
    """Return the bed: under the whole talk, its fades before and after it; begun anew where it is shorter."""
    if music is None or seconds is None:
        return []
    start = max(0.0, talk[0] - music.fade)
    end = talk[1] + music.fade
    overlap = min(music.fade, seconds / 4)
    if seconds < _LEAST_LOOP:
        return [Laid("bed", start, seconds, SOFT_EDGE, SOFT_EDGE)]
    return list(_repeated(start, end, seconds, overlap))


def _repeated(start: float, end: float, seconds: float, overlap: float) -> Iterator[Laid]:
    """Yield the music again and again, each time faded over into the next one."""
    while start < end:
        length = min(seconds, end - start)
        yield Laid("bed", start, length, min(overlap, length / 2), min(overlap, length / 2))
        if start + length >= end:
            return
        start += length - overlap
