"""A bounded child process that takes many files, one after another, and is started anew when it dies.

A process start costs 0.5 s; two thousand of them are not for every run. What this does not cover, the start, the limits
and the end of the one child a file gets in the product, is run on a sample beside it.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[3]
_FILES_A_CHILD = 400
"""A leak would show as memory that grows; it is not to show as a death of the last of them."""


@dataclass
class Verdict:
    """What became of one hostile thing: `accepted`, `refused`, or `crashed` with what was seen."""

    outcome: str
    codes: tuple[str, ...] = ()
    detail: str = ""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Tally:
    """The figures of a run, as its summary line gives them; seconds are of the child's computing, for one file."""

    kind: str
    verdicts: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    slowest_seconds: float = 0.0
    slowest: str = ""
    largest: str = ""

    def add(self, name: str, verdict: Verdict) -> None:
        self.verdicts[verdict.outcome] = self.verdicts.get(verdict.outcome, 0) + 1
        for code in set(verdict.codes):
            self.codes[code] = self.codes.get(code, 0) + 1
        if verdict.peak_bytes > self.peak_bytes:
            self.peak_bytes, self.largest = verdict.peak_bytes, name
        if verdict.cpu_seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = verdict.cpu_seconds, name
        if verdict.outcome == "crashed":
            self.failures.append(f"{name}: {verdict.detail}")

    @property
    def count(self) -> int:
        return sum(self.verdicts.values())

    def line(self) -> str:
        return summary([self])


def summary(tallies: Sequence[Tally]) -> str:
    """The figures of several runs in one line."""
    counts = {tally.kind: tally.count for tally in tallies}
    ends = {name: sum(tally.verdicts.get(name, 0) for tally in tallies) for name in ("crashed", "refused", "accepted")}
    peak, slowest = max(tally.peak_bytes for tally in tallies), max(tally.slowest_seconds for tally in tallies)
    told = counts | ends | {"peak_child_mb": f"{peak / 1e6:.0f}", "slowest_seconds": f"{slowest:.2f}"}
    return " ".join(f"{name}={value}" for name, value in told.items())


class Cage:
    """Runs `module` as a child that answers one JSON line for each it gets."""

    def __init__(self, module: str, folder: Path, *, wall_seconds: float = 60.0, options: tuple[str, ...] = ()) -> None:
        self.restarts = 0
        self._command = [sys.executable, "-P", "-W", "error", "-m", module, *options]
        self._folder = folder
        self._wall_seconds = wall_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._taken = 0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the cage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._errors.close()

    def ask(self, job: dict[str, Any]) -> Verdict:
        """Give the child one job; a child that dies or does not answer in time is a crash."""
        if self._taken >= _FILES_A_CHILD:
            self._end()
        child = self._child or self._start()
        assert child.stdin is not None
        self._taken += 1
        with suppress(BrokenPipeError):  # it has died; its end is told below
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
        answer = self._answer(child)
        if answer is None:
            return Verdict("crashed", detail=self._obituary(child))
        return Verdict(**answer | {"codes": tuple(answer["codes"])})

    def _answer(self, child: "subprocess.Popen[bytes]") -> dict[str, Any] | None:
        assert child.stdout is not None
        if not select.select([child.stdout], [], [], self._wall_seconds)[0]:
            return None
        line = child.stdout.readline()
        return json.loads(line) if line else None

    def _start(self) -> "subprocess.Popen[bytes]":
        self._taken = 0
        self.restarts += 1
        self._child = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(self._folder)}
            | {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
            | {name: os.environ[name] for name in ("PYTHONHOME", "LD_LIBRARY_PATH") if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        return self._child

    def _obituary(self, child: "subprocess.Popen[bytes]") -> str:
        alive = child.poll() is None
        self._end()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 2000))
        said = self._errors.read().decode(errors="replace")
        ended = f"no answer within {self._wall_seconds:g} s" if alive else f"the child ended with {child.returncode}"
        return f"{ended}; {said}"

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        child.kill()
        child.wait()
        with suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()
