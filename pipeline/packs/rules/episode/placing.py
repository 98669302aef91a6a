"""When each line of an episode is heard: takes without their silence, the pauses that are declared, room for music.

All times in seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from pipeline.audio.mixdown.score import Extent
from pipeline.intake.rules.episode import Episode, Pauses
from pipeline.packs.rules.episode.laying import lay_bed, lay_intro, lay_outro, lay_stings
from pipeline.packs.rules.episode.timeline import Chapter, Piece, Placed, Timeline

LEAD_SECONDS = 0.3
"""Silence before the first word where there is no intro: players swallow the first moments."""
TAIL_SECONDS = 0.8
"""Silence after all else."""
_LEAD_IN_SECONDS = 0.25
"""A chapter begins this long before its first word, so that jumping to it does not cut the word."""
OPENING = "Introduction"
"""What stands before the first heading of a script with chapters is called this."""


def place(
    pieces: Sequence[Piece], extents: Mapping[str, Extent], episode: Episode, music_seconds: Mapping[str, float]
) -> Timeline:
    """Return when each piece is heard, by its line's id in `extents`; `music_seconds` holds lengths by role.

    A piece whose take is missing or silent is left out and named, with the pause after it; so is a chapter that loses
    all of its pieces. The first chapter begins with the file.
    """
    heard = {line_id for line_id, extent in extents.items() if extent.seconds > 0}
    spoken = [piece for piece in pieces if piece.line_id in heard]
    sting = music_seconds.get("sting") if episode.sting else None
    intro = lay_intro(episode.intro, music_seconds.get("intro"))
    begin = max(intro.start + intro.seconds - episode.intro.under, 0.0) if intro and episode.intro else LEAD_SECONDS
    placed = list(_one_after_another(spoken, extents, episode.pauses, begin, sting or 0.0))
    talk = (placed[0].start, placed[-1].end) if placed else (begin, begin)
    stings = lay_stings(_chapter_changes(placed), sting)
    outro = lay_outro(episode.outro, music_seconds.get("outro"), talk[1])
    music = [laid for laid in (intro, *lay_bed(episode.bed, music_seconds.get("bed"), talk), *stings, outro) if laid]
    seconds = max([talk[1] + TAIL_SECONDS, *(laid.start + laid.seconds for laid in music)])
    return Timeline(
        placed=placed,
        chapters=_chapters(placed, [laid.start for laid in stings], seconds),
        seconds=seconds,
        missing=[piece for piece in pieces if piece.line_id not in heard],
        empty=_empty(pieces, spoken),
        music=music,
    )


def pause_between(before: Piece, after: Piece, pauses: Pauses) -> float:
    """Return the silence between two pieces: what the script says, or else what the change asks for."""
    if before.pause_after is not None:
        return before.pause_after
    if before.chapter != after.chapter:
        return pauses.chapter
    if before.character != after.character:
        return pauses.speaker
    return pauses.paragraph if before.paragraph != after.paragraph else pauses.line


def _one_after_another(
    spoken: Sequence[Piece], extents: Mapping[str, Extent], pauses: Pauses, at: float, sting: float
) -> Iterator[Placed]:
    before: Piece | None = None
    for piece in spoken:
        if before is not None:
            at += pause_between(before, piece, pauses)
            at += sting if before.chapter != piece.chapter else 0.0
        extent = extents[piece.line_id]
        yield Placed(piece, at, at + extent.seconds, extent.first)
        at, before = at + extent.seconds, piece


def _chapter_changes(placed: Sequence[Placed]) -> list[tuple[Placed, Placed]]:
    return [(one, two) for one, two in pairwise(placed) if one.piece.chapter != two.piece.chapter]


def _chapters(placed: Sequence[Placed], stings: Sequence[float], seconds: float) -> list[Chapter]:
    """Return the chapters one after another without a gap; none where the script has no heading."""
    if not any(one.piece.chapter for one in placed):
        return []
    changes = _chapter_changes(placed)
    starts = [0.0, *(stings or [_before_first_word(one, two) for one, two in changes])]
    titles = [one.piece.chapter_title or OPENING for one in [placed[0], *(two for _, two in changes)]]
    return [
        Chapter(title, start, end) for title, start, end in zip(titles, starts, [*starts[1:], seconds], strict=True)
    ]


def _before_first_word(before: Placed, first: Placed) -> float:
    return first.start - min(_LEAD_IN_SECONDS, (first.start - before.end) / 2)


def _empty(pieces: Sequence[Piece], spoken: Sequence[Piece]) -> list[str]:
    heard = {piece.chapter for piece in spoken}
    titles = {piece.chapter: piece.chapter_title or OPENING for piece in pieces}
    return [title for chapter, title in titles.items() if chapter not in heard]
