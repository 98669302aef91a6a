"""A production's takes, listened to on this machine: what is wrong with each, kept in a report that grows by lines."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from rich.markup import escape
from rich.table import Table

from pipeline.cli.client import Client, require_whole
from pipeline.cli.console import table
from pipeline.cli.disk import writing_to
from pipeline.errors import UsageError
from pipeline.quality import Ears, Expectation, Judging, Outcome, Verdict, Voiceprint, Voices

Json = dict[str, Any]
BEGINNING = b'{"id": '
"""Of each row of a report: one that was not written whole is told from somebody's notes."""
STYLES = {Outcome.GOOD: "green", Outcome.BAD: "red", Outcome.UNCHECKED: "yellow"}


@dataclass(frozen=True)
class Heard:
    """A line's chosen take, and what was heard; the verdict of an earlier time where the take is the same."""

    line: Json
    verdict: Verdict

    def as_dict(self) -> Json:
        """Return it as the report keeps it."""
        told = {name: self.line[name] for name in ("id", "character", "take", "number", "sha256", "voice")}
        return {**told, **self.verdict.as_dict()}


@dataclass
class Report:
    """The verdicts that are there, by take; each new one is written down before the next is heard."""

    path: Path | None
    _known: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def open(cls, path: Path | None) -> "Report":
        """Read a report, or begin one; a last row that was not written whole is taken out of it."""
        report = cls(path)
        if path is None or not path.exists():
            return report
        with writing_to(path.parent), path.open("r+b") as rows:
            for row in rows:
                if row.startswith(BEGINNING) and not row.endswith(b"\n"):
                    rows.truncate(rows.tell() - len(row))
                else:
                    report._read(row)
        return report

    def find(self, line: Json) -> Verdict | None:
        """Return what was heard of a line's take before."""
        return self._known.get((line["take"], line["sha256"]))

    def keep(self, heard: Heard) -> None:
        """Write a verdict down."""
        self._known[heard.line["take"], heard.line["sha256"]] = heard.verdict
        if self.path is None:
            return
        with self._lock, writing_to(self.path.parent), self.path.open("a", encoding="utf-8") as rows:
            rows.write(json.dumps(heard.as_dict(), ensure_ascii=False) + "\n")

    def _read(self, row: bytes) -> None:
        try:
            told = json.loads(row)
            self._known[told["take"], told["sha256"]] = Verdict.from_dict(told)
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            raise UsageError(f"{self.path} is no report of what was heard.", hint="Name another file.") from None


def hear(client: Client, lines: Sequence[Json], report: Report) -> Iterator[Heard]:
    """Yield each line with what is heard of its take, in the order of the sheet; as many at once as there are cores."""
    voices = Voices()
    with ExitStack() as opened:
        ears = opened.enter_context(Ears())
        threads = opened.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
        opened.callback(threads.shutdown, wait=False, cancel_futures=True)

        def listen(line: Json) -> Heard:
            known = report.find(line)
            heard = Heard(line, known or _judged(client, line, ears, voices))
            if not line["pitch"]:
                voices.learn(line["voice"], heard.verdict)
            if known is None:
                report.keep(heard)
            return heard

        yield from threads.map(listen, lines)


def expectation(line: Json, voice: tuple[Voiceprint, ...] = ()) -> Expectation:
    """Return what a line's take should be: what was sent to be spoken, and how."""
    text, speed, acted = line["said"] or line["text"], line["speed"] or 1.0, line["emotion"] is not None
    return Expectation(text, line["language"], speed, voice=voice, acted=acted)


def view(heard: Iterable[Heard]) -> Table:
    """List what is not good, and why."""
    made = table("Heard", "line", "character", "take", "", "why", right=frozenset({"take"}))
    for one in heard:
        style = STYLES[one.verdict.outcome]
        outcome = f"[{style}]{one.verdict.outcome}[/]"
        line = one.line
        made.add_row(
            escape(line["id"]), escape(line["character"]), str(line["number"]), outcome, escape(one.verdict.sentence)
        )
    return made


def counts(heard: Iterable[Heard]) -> Mapping[Outcome, int]:
    """Return how many takes have each outcome."""
    found = dict.fromkeys(Outcome, 0)
    for one in heard:
        found[one.verdict.outcome] += 1
    return found


def _judged(client: Client, line: Json, ears: Judging, voices: Voices) -> Verdict:
    content = require_whole(client.download(line["url"]), line["sha256"], f"The take of {line['id']}")
    # One that was raised or lowered sounds like another voice.
    voice = () if line["pitch"] else voices.of(line["voice"])
    return ears.judge(content, line["format"], expectation(line, voice))
