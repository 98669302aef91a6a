"""Episodes on paper: a timeline from who says what, one piece after the other."""

from collections.abc import Sequence
from datetime import date

from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.publication import CastMember, Publication, Spent, VoiceKind
from pipeline.packs.rules.episode.timeline import Chapter, Piece, Placed, Timeline

SHORTEST_SECONDS, CHARACTERS_A_SECOND, PAUSE_SECONDS = 0.3, 14.0, 0.35
SAID = (
    ("ADA", "Ada", "When the harbour froze, nothing moved for eleven days; the gulls sat on the ice and said so."),
    ("ADA", "Ada", "Then Bo laughed."),
    ("BO", "Bo", "Ha!"),
    ("ADA", "Ada", "It was the first laugh we had heard since the storm, and it carried across the whole bay."),
    ("BO", "Bo", "You should have seen your faces. All of you."),
)
TITLES = ("", "The ice", "The ice", "The thaw", "The thaw")


def timeline(
    said: Sequence[tuple[str, str, str]] = SAID, titles: Sequence[str] = TITLES, *, before: float = 2.0
) -> Timeline:
    """Place each (character, speaker, text), `before` seconds of silence first; a title begins a chapter."""
    placed: list[Placed] = []
    at = before
    padded = [*titles, *[""] * len(said)][: len(said)]
    numbers = {title: number for number, title in enumerate(dict.fromkeys(filter(None, padded)), start=1)}
    for number, ((character, speaker, text), title) in enumerate(zip(said, padded, strict=True)):
        seconds = max(SHORTEST_SECONDS, len(text) / CHARACTERS_A_SECOND)
        piece = Piece(f"l{number}", character, speaker, text, numbers.get(title, 0), title, number)
        placed.append(Placed(piece, at, at + seconds, first=0.1))
        at += seconds + PAUSE_SECONDS
    starts = [next(one.start for one in placed if one.piece.chapter == chapter) for chapter in numbers.values()]
    chapters = [Chapter(*told) for told in zip(numbers, starts, [*starts[1:], at], strict=bool(starts))]
    return Timeline(placed, chapters, at)


def publication(episode: Episode | None = None, title: str = "Eleven days") -> Publication:
    """An episode of a cast of two, one cloned; the clone's first line was billed."""
    told = Episode(
        show="Small Machines",
        number=3,
        season=1,
        description="About *ice*.",
        author="Ann Example",
        link="https://example.org/shows/3",
        cover="art/cover.jpg",
        date=date(2026, 5, 1),
    )
    cast = (
        CastMember("ADA", "Ada", VoiceKind.CLONED, "Jane Roe", "granted by Jane Roe on 2026-01-02"),
        CastMember("BO", "Bo", VoiceKind.DESIGNED),
    )
    spent = {"l0": Spent(90, 12_600), "l2": Spent(3, 420)}
    return Publication("ice", title, "en", episode or told, cast, spent, "ice.cover.jpg")
