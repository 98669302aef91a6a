"""What is shown of an episode, and what `--json` tells of it."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from pipeline.cli.console import table
from pipeline.cli.episode.building import Built, Script
from pipeline.packs.rules.episode.placing import OPENING
from pipeline.packs.rules.episode.publication import clock

Json = dict[str, Any]
SHOWN = 5
"""Of long lists of lines; `--json` has all."""


def chapters_view(script: Script) -> Table:
    """Show how much of each chapter is spoken."""
    made = table("Chapters", "", "chapter", "lines", "spoken", right=frozenset({"", "lines", "spoken"}))
    for number, title, lines, spoken in _counts(script):
        colour = "green" if spoken == lines else "yellow"
        made.add_row(str(number), escape(title), str(lines), f"[{colour}]{spoken}[/]")
    return made


def built_view(built: Built) -> Group:
    """Show the chapters as players do, and the files with what was measured of them."""
    marks = table("Chapters", "start", "length", "chapter", right=frozenset({"start", "length"}))
    for chapter in built.timeline.chapters:
        marks.add_row(clock(chapter.start), clock(chapter.end - chapter.start), escape(chapter.title))
    columns = ("file", "length", "size", "loudness", "true peak")
    files = table("Files", *columns, right=frozenset(columns[1:]))
    for written in built.mastered.files.values():
        heard = written.heard
        loudness = "" if heard.lufs is None else f"{heard.lufs:.1f} LUFS"
        size, peak = f"{written.size / 1e6:.2f} MB", f"{heard.true_peak_dbtp:.1f} dBTP"
        files.add_row(escape(str(written.path)), clock(heard.seconds), size, loudness, peak)
    return Group(marks, files) if built.timeline.chapters else Group(files)


def notes(script: Script, built: Built) -> Iterator[str]:
    """Yield what one has to know of what was built."""
    missing = [piece.line_id for piece in built.timeline.missing]
    if missing:
        yield f"{len(missing)} lines are not in it, because they have no take that can be heard: {_some(missing)}"
    for title in built.timeline.empty:
        yield f"the chapter {title!r} is not in it: none of its lines can be heard"
    if built.estimated:
        yield (
            f"captions of {len(built.estimated)} of {len(script.pieces)} lines are cut by their letters, since their"
            " words were not found in the sound"
        )
    yield from built.mastered.notes


def told(script: Script, built: Built) -> Json:
    """Return all of it as data."""
    mastered = built.mastered
    return {
        "name": script.name,
        "language": script.language,
        "seconds": built.timeline.seconds,
        "chapters": [{"title": one.title, "start": one.start, "end": one.end} for one in built.timeline.chapters],
        "lines": [
            {"id": one.piece.line_id, "start": round(one.start, 3), "end": round(one.end, 3)}
            for one in built.timeline.placed
        ],
        "missing": [piece.line_id for piece in built.timeline.missing],
        "empty_chapters": list(built.timeline.empty),
        "fetched": built.fetched,
        "files": [
            {
                "coding": coding,
                "path": str(written.path),
                "seconds": written.heard.seconds,
                "bytes": written.size,
                "sha256": written.sha256,
                "lufs": written.heard.lufs,
                "true_peak_dbtp": written.heard.true_peak_dbtp,
            }
            for coding, written in mastered.files.items()
        ],
        "mix": {
            "lufs": mastered.before.lufs,
            "true_peak_dbtp": mastered.before.true_peak_dbtp,
            "gain_db": mastered.gain_db,
            "limited_db": mastered.limited_db,
        },
        "words": [str(path) for path in built.words],
        "estimated_captions": list(built.estimated),
        "notes": list(notes(script, built)),
    }


def _counts(script: Script) -> Iterator[tuple[int, str, int, int]]:
    chapters: dict[int, list[str]] = {}
    titles = {piece.chapter: piece.chapter_title or OPENING for piece in script.pieces}
    for piece in script.pieces:
        chapters.setdefault(piece.chapter, []).append(piece.line_id)
    for number, lines in chapters.items():
        yield number, titles[number], len(lines), sum(1 for line in lines if line in script.spoken)


def _some(lines: list[str]) -> str:
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return ", ".join(lines[:SHOWN]) + more
