"""The recordings of a cast, judged on this machine before anything is uploaded or paid for."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from pipeline.audio import AudioRejected, AudioToolFailed, Part, PreparedReference, Problem, prepare_reference
from pipeline.cli.console import table, told_of_problem
from pipeline.cli.submission import LocalProject
from pipeline.scratch import Scratch

Json = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """One recording, the talents it stands for, and what a worker would make of it."""

    file: str
    talents: Sequence[str]
    prepared: PreparedReference | None
    problems: Sequence[Problem] = ()

    @property
    def warnings(self) -> Sequence[Problem]:
        """What a person should hear before it is cloned."""
        return self.prepared.warnings if self.prepared else ()

    def as_dict(self) -> Json:
        """Return it as `check --json` shows it."""
        told = {"file": self.file, "talents": list(self.talents), "ok": self.prepared is not None}
        figures = _measured(self.prepared) if self.prepared else {}
        found = {"problems": self.problems, "warnings": self.warnings}
        return told | figures | {kind: [asdict(problem) for problem in problems] for kind, problems in found.items()}


def judge(local: LocalProject) -> Iterator[Judged]:
    """Yield each recording of a project once it is judged, in the order of the project; as many at once as cores."""
    talents: dict[tuple[str, tuple[float, float] | None], list[str]] = {}
    for talent in local.project.talents.values():
        talents.setdefault((talent.reference, talent.trim), []).append(talent.key)

    def judged(sound: tuple[str, tuple[float, float] | None]) -> Judged:
        file, trim = sound
        return _judged(local.folder / file, file, talents[sound], Part(*trim) if trim else None)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        yield from threads.map(judged, talents)


def view(judged: Sequence[Judged]) -> Group:
    """Show what became of each recording, and of the bad ones why and what to do."""
    made = table("Recordings", "file", "talents", "length", "loudness", "", right=frozenset({"length", "loudness"}))
    for one in judged:
        made.add_row(escape(one.file), escape(", ".join(one.talents)), *_figures(one))
    told = [(one, [*one.problems, *one.warnings]) for one in judged]
    return Group(made, *[_problems(one.file, problems) for one, problems in told if problems])


def _judged(path: Path, file: str, talents: Sequence[str], part: Part | None) -> Judged:
    with Scratch() as scratch:
        try:
            return Judged(file, talents, prepare_reference(path, scratch, part=part))
        except AudioRejected as rejected:
            return Judged(file, talents, None, rejected.problems)
        except AudioToolFailed as failed:
            unread = Problem(failed.code, failed.message, measured="", allowed="", hint=failed.hint)
            return Judged(file, talents, None, [unread])


def _measured(audio: PreparedReference) -> Json:
    return {
        "seconds": audio.after.seconds,
        "lufs_before": audio.before.lufs,
        "lufs_after": audio.after.lufs,
        "trimmed_seconds": audio.trimmed_start_seconds + audio.trimmed_end_seconds,
    }


def _figures(one: Judged) -> tuple[str, str, str]:
    audio = one.prepared
    if audio is None:
        return "", "", "[red]cannot be cloned[/]"
    before = "" if audio.before.lufs is None else f"{audio.before.lufs:.1f} LUFS"
    return f"{audio.after.seconds:.1f} s", before, "[yellow]listen first[/]" if one.warnings else "[green]ok[/]"


def _problems(file: str, problems: Sequence[Problem]) -> Text:
    told = (f"  {told_of_problem(one.message, one.allowed, one.hint)}" for one in problems)
    return Text.from_markup("\n".join([f"[bold]{escape(file)}[/]", *told]))
