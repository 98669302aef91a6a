"""The recordings of a cast, judged on this machine before anything is uploaded or paid for."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from pipeline.audio import AudioRejected, AudioToolFailed, PreparedReference, Problem, prepare_reference
from pipeline.cli.console import table
from pipeline.cli.submission import LocalProject

Json = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """One recording, the talents it stands for, and what a worker would make of it."""

    file: str
    talents: Sequence[str]
    prepared: PreparedReference | None
    problems: Sequence[Problem] = ()

    def as_dict(self) -> Json:
        """Return it as `check --json` shows it."""
        told = {"file": self.file, "talents": list(self.talents), "ok": self.prepared is not None}
        figures = _measured(self.prepared) if self.prepared else {}
        return told | figures | {"problems": [asdict(problem) for problem in self.problems]}


def judge(local: LocalProject) -> Iterator[Judged]:
    """Yield each recording of a project once it is judged, in the order of the project; as many at once as cores."""
    talents: dict[str, list[str]] = {}
    for talent in local.project.talents.values():
        talents.setdefault(talent.reference, []).append(talent.key)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        yield from threads.map(lambda file: _judged(local.folder / file, file, talents[file]), talents)


def view(judged: Sequence[Judged]) -> Group:
    """Show what became of each recording, and of the bad ones why and what to do."""
    made = table("Recordings", "file", "talents", "length", "loudness", "", right=frozenset({"length", "loudness"}))
    for one in judged:
        made.add_row(escape(one.file), escape(", ".join(one.talents)), *_figures(one))
    bad = [one for one in judged if one.problems]
    return Group(made, *[_problems(one) for one in bad])


def _judged(path: Path, file: str, talents: Sequence[str]) -> Judged:
    with tempfile.TemporaryDirectory(prefix="callsheet-") as scratch:
        try:
            return Judged(file, talents, prepare_reference(path, Path(scratch)))
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
    return f"{audio.after.seconds:.1f} s", before, "[green]ok[/]"


def _problems(one: Judged) -> Text:
    lines = [f"[bold]{escape(one.file)}[/]"]
    for problem in one.problems:
        allowed = f" [dim]allowed: {escape(problem.allowed)}[/]" if problem.allowed else ""
        lines.append(f"  {escape(problem.message)}{allowed} [cyan]{escape(problem.hint)}[/]")
    return Text.from_markup("\n".join(lines))
