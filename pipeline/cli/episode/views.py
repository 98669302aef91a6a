"""What is shown of an episode, and what `--json` tells of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from pipeline.audio.mixdown.mastering import Mastered, Written
from pipeline.cli.console import table
from pipeline.cli.counting import counted, more
from pipeline.cli.episode.script import Script
from pipeline.cli.episode.sealing import Seals
from pipeline.packs.rules.episode.placing import OPENING
from pipeline.packs.rules.episode.publication import clock
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.service.writing import WrittenWords

Json = dict[str, Any]
SHOWN = 5
"""Of long lists of lines; `--json` has all."""
WHOLE = "the whole script"
"""Stands for the title where there are no chapters."""
NO_WORDS = WrittenWords((), ())
UNSIGNED = Seals()


@dataclass(frozen=True)
class Built:
    """What was made: where everything is heard, the files of sound, those of words, and who has signed."""

    timeline: Timeline
    mastered: Mastered
    words: WrittenWords = NO_WORDS
    seals: Seals = UNSIGNED
    cover: Path | None = None

    def files(self) -> list[Path]:
        """Return all files."""
        sound = [written.path for written in self.mastered.files.values()]
        cover = [self.cover] if self.cover else []
        return [*sound, *self.seals.sidecars, *cover, *self.words.files]

    def told(self, script: Script) -> Json:
        """Return all of it as data; paths are names inside the folder."""
        timeline, mastered = self.timeline, self.mastered
        return {
            "name": script.name,
            "language": script.language,
            "seconds": timeline.seconds,
            "chapters": [{"title": one.title, "start": one.start, "end": one.end} for one in timeline.chapters],
            "lines": [
                {"id": one.piece.line_id, "start": round(one.start, 3), "end": round(one.end, 3)}
                for one in timeline.placed
            ],
            "missing": [piece.line_id for piece in timeline.missing],
            "empty_chapters": list(timeline.empty),
            "files": [_file(coding, written) for coding, written in mastered.files.items()],
            "mix": {
                "lufs": mastered.before.lufs,
                "true_peak_dbtp": mastered.before.true_peak_dbtp,
                "gain_db": mastered.gain_db,
                "limited_db": mastered.limited_db,
            },
            "signed": self.seals.told(),
            "cover": self.cover.name if self.cover else None,
            "words": [path.name for path in self.words.files],
            "estimated_captions": list(self.words.estimated),
            "notes": list(self._notes()),
        }

    def _notes(self) -> Iterator[str]:
        missing = [piece.line_id for piece in self.timeline.missing]
        if missing:
            lines = counted(len(missing), "line is", "lines are")
            yield f"{lines} not in it, for want of a take that can be heard: {_some(missing)}"
        for title in self.timeline.empty:
            yield f"the chapter {title!r} is not in it: none of its lines can be heard"
        if self.words.estimated:
            yield (
                f"captions of {len(self.words.estimated)} of {counted(len(self.timeline.placed), 'line')} are cut by"
                f" letters, since their words were not found in the sound: {_some(list(self.words.estimated))}"
            )
        yield from self.mastered.notes
        yield from self.seals.notes
        if self.seals.sidecars:
            beside = ", ".join(one.name for one in self.seals.sidecars)
            yield f"the manifest of a file that can hold none lies beside it: {beside}"


def chapters_view(script: Script) -> Table:
    """Show how much of each chapter is spoken."""
    made = table("Script", "", "chapter", "lines", "spoken", right=frozenset({"", "lines", "spoken"}))
    for number, title, lines, spoken in _counts(script):
        colour = "green" if spoken == lines else "yellow"
        made.add_row(str(number or ""), escape(title), str(lines), f"[{colour}]{spoken}[/]")
    return made


def built_view(told: Json) -> Group:
    """Show the chapters as players do, and the files with what was measured of them."""
    marks = table("Chapters", "start", "length", "chapter", right=frozenset({"start", "length"}))
    for chapter in told["chapters"]:
        marks.add_row(clock(chapter["start"]), clock(chapter["end"] - chapter["start"]), escape(chapter["title"]))
    columns = ("file", "length", "size", "loudness", "true peak")
    files = table("Files", *columns, right=frozenset(columns[1:]))
    for file in told["files"]:
        loudness = "" if file["lufs"] is None else f"{file['lufs']:.1f} LUFS"
        size, peak = f"{file['bytes'] / 1e6:.2f} MB", f"{file['true_peak_dbtp']:.1f} dBTP"
        files.add_row(escape(file["file"]), clock(file["seconds"]), size, loudness, peak)
    signed = told.get("signed")  # what an earlier version has built says nothing of it
    cover = [told["cover"]] if told.get("cover") else []
    for name in [*(signed["sidecars"] if signed else ()), *cover, *told["words"]]:
        files.add_row(escape(name), "", "", "", "")
    if signed:
        files.caption = f"signed by {escape(signed['by'])}{', time-stamped' if signed['time_stamped'] else ''}"
    return Group(marks, files) if told["chapters"] else Group(files)


def _file(coding: str, written: Written) -> Json:
    return {
        "coding": coding,
        "file": written.path.name,
        "seconds": written.heard.seconds,
        "bytes": written.size,
        "sha256": written.sha256,
        "lufs": written.heard.lufs,
        "true_peak_dbtp": written.heard.true_peak_dbtp,
    }


def _counts(script: Script) -> Iterator[tuple[int, str, int, int]]:
    chapters: dict[int, list[str]] = {}
    titles = {piece.chapter: piece.chapter_title or (OPENING if piece.chapter else WHOLE) for piece in script.pieces}
    for piece in script.pieces:
        chapters.setdefault(piece.chapter, []).append(piece.line_id)
    for number, lines in chapters.items():
        yield number, titles[number], len(lines), sum(1 for line in lines if line in script.spoken)


def _some(lines: list[str]) -> str:
    return ", ".join(lines[:SHOWN]) + more(len(lines) - SHOWN)
