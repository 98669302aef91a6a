"""The lines of a project as pieces of its episode."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.cli.client import Client
from pipeline.errors import UsageError
from pipeline.intake.rules import Line, Project
from pipeline.packs.rules.episode.timeline import Piece

Json = dict[str, Any]
SPOKEN = frozenset(("reused", "retake", "locked-conflict"))
"""Reasons on a plan of lines that have a take; what a lock keeps is heard as it is."""


def lines_in(project: Project, language: str) -> list[Line]:
    """Return the lines of one language, in the order of the script; raises `UsageError` where there are none."""
    found = [line for line in project.lines if project.language_of(line.id) == language]
    if not found:
        listed = ", ".join(project.languages or (project.language,))
        raise UsageError(f"The script has no line in {language}.", hint=f"Its languages are: {listed}.")
    return found


def pieces(project: Project, lines: Iterable[Line]) -> list[Piece]:
    """Return lines as pieces of the episode.

    Sheets that know no chapters have them where `scene` changes, and a paragraph a line. Chapters are numbered as
    players list them: what stands before the first heading is the first, and a heading without a line is none.
    """
    counted = _Counted()
    found = [_piece(project, line, counted) for line in lines]
    numbers = {chapter: number for number, chapter in enumerate(dict.fromkeys(one.chapter for one in found), 1)}
    return [replace(one, chapter=numbers[one.chapter]) for one in found] if any(numbers) else found


def spoken_lines(client: Client, body: Json) -> dict[str, str]:
    """Return the lines that have the take which the script asks for, by the plan as it is now, and its fingerprint."""
    rows = client.rows("/plans/lines", body)
    next(rows)
    return {row["line_id"]: row["fingerprint"] for row in rows if row.get("reason") in SPOKEN}


def chapter_titles(pieces: Iterable[Piece]) -> dict[int, str]:
    """Return the chapters by number, in their order."""
    return {piece.chapter: piece.chapter_title for piece in pieces}


def chapter_named(pieces: Iterable[Piece], given: str) -> int:
    """Return the chapter that is meant by a number or by a part of its title; raises `UsageError`."""
    titles = chapter_titles(pieces)
    if given.isdecimal() and int(given) in titles:
        return int(given)
    found = [number for number, title in titles.items() if given.casefold() in title.casefold()]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{number} {title}".strip() for number, title in titles.items())
    what = "There is no chapter" if not found else f"{len(found)} chapters could be meant by"
    raise UsageError(f"{what} {given!r}.", hint=f"Name one by its number or its title: {listed}.")


class _Counted:
    """Counts chapters and paragraphs of sheets that do not."""

    def __init__(self) -> None:
        self._scene, self._chapter, self._paragraph = "", 0, 0

    def place(self, extras: Mapping[str, str]) -> tuple[int, int]:
        """Return the chapter and the paragraph of a line."""
        self._paragraph += 1
        scene = extras.get("scene", "")
        if scene != self._scene:
            self._scene, self._chapter = scene, self._chapter + 1
        chapter, paragraph = extras.get("chapter", ""), extras.get("paragraph", "")
        return (
            int(chapter) if chapter.isdecimal() else self._chapter,
            int(paragraph) if paragraph.isdecimal() else self._paragraph,
        )


def _piece(project: Project, line: Line, counted: _Counted) -> Piece:
    chapter, paragraph = counted.place(line.extras)
    return Piece(
        line_id=line.id,
        character=line.character,
        speaker=project.characters[line.character].name,
        text=project.read(line),
        chapter=chapter,
        chapter_title=line.extras.get("scene", ""),
        paragraph=paragraph,
        pause_after=_seconds(line.extras.get("pause_after", "")),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdecimal() else None
