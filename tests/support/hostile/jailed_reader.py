"""The caged child for projects and sheets: reads each submission and judges what comes of it.

The controls: started with `--careless` it reads a sheet as a script would that trusts it, with `--unchecked` nobody
looks at the characters of a text.
"""

import base64
import csv
import json
import posixpath
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from pipeline.audio.bounded import ChildLimits, apply_limits
from pipeline.audio.report import peak_rss_bytes
from pipeline.errors import CallsheetError, ConsentRequired, InvalidSheet, UsageError
from pipeline.intake.rules import Project, lines, read_project
from tests.support.hostile import invariants
from tests.support.hostile.jailed_decoder import forget_peak
from tests.support.hostile.seeds import SCRIPT, seeds
from tests.support.hostile.submissions import PROJECT, SHEET

_MEMORY_BYTES = 512 << 20
_FIELD_CHARS = 4_500
"""Of one field of a problem: 1,000 characters, the invisible ones spelt out."""


class Guard:
    """Notes every file that Python opens while one submission is read: there is none to open."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.on = False
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in {"open", "os.open", "socket.connect", "subprocess.Popen", "os.system"}:
            self.opened.append(str(arguments[0]))

    def outside(self) -> list[str]:
        """What was opened beside the interpreter's own modules."""
        own = (sys.prefix, sys.base_prefix, str(Path(csv.__file__).parent))
        return [path for path in self.opened if not path.startswith(own)]


def main() -> None:
    apply_limits(ChildLimits(cpu_seconds=3600, data_bytes=_MEMORY_BYTES, open_files=64))
    _warm_up()
    guard, careless = Guard(), "--careless" in sys.argv
    if "--unchecked" in sys.argv:
        lines._RowReader._check_characters = lambda _self, _record, _cells: None
    for line in sys.stdin:
        started = time.process_time()
        files = {name: base64.b64decode(data) for name, data in json.loads(line).items()}
        forget_peak()
        outcome, codes, detail = _judged(files, guard, careless=careless)
        answer = {"outcome": outcome, "codes": codes, "detail": detail, "peak_bytes": peak_rss_bytes()}
        answer["cpu_seconds"] = time.process_time() - started
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Read a right project of every kind, so that what readers load when they are needed is there."""
    for seed in seeds():
        invariants.planned(read_project(seed.project, seed.read))


def _judged(files: dict[str, bytes], guard: Guard, *, careless: bool) -> tuple[str, list[str], str]:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    guard.opened.clear()
    guard.on = True
    try:
        name = SCRIPT if SCRIPT in files else PROJECT
        verdict = _careless(files) if careless else _read(name, read, asked)
    except Exception:  # noqa: BLE001 - this is what is looked for
        guard.on = False  # what is told of it is read from the program's own files
        return "crashed", [], traceback.format_exc()[-600:]
    guard.on = False
    if beyond := [path for path in asked if _leaves(path)] or guard.outside():
        return "crashed", [], f"asked for {beyond[:3]!r}"
    return verdict


def _read(name: str, read: Any, asked: list[str]) -> tuple[str, list[str], str]:
    try:
        project = read_project(name, read, exists=lambda path: bool(asked.append(path)) or True)
    except InvalidSheet as error:
        return _refused(error)
    except CallsheetError as error:
        return "crashed", [], f"{error.code} is no answer to a sheet"
    return _accepted(project)


def _refused(error: InvalidSheet) -> tuple[str, list[str], str]:
    problems = error.data["problems"]
    json.dumps(error.as_dict(), ensure_ascii=False).encode()
    for problem in problems:
        for name, text in problem.items():
            if isinstance(text, str) and (not text.isprintable() or len(text) > _FIELD_CHARS):
                return "crashed", [], f"the problem's {name} is {text[:200]!r}"
        if not problem["file"] or not problem["place"] or not problem["message"]:
            return "crashed", [], f"a problem without a place or a word: {problem}"
    return ("refused", [error.code], "") if problems else ("crashed", [], "refused for no reason")


def _accepted(project: Project) -> tuple[str, list[str], str]:
    if beyond := [path for path in project.files if _leaves(path)]:
        return "crashed", [], f"a path that leaves the folder: {beyond[:3]!r}"
    if broken := next(invariants.broken(project), ""):
        return "crashed", [], broken
    try:
        invariants.planned(project)
    except (UsageError, ConsentRequired) as error:
        error.message.encode()
        return "accepted", [error.code], ""
    return "accepted", [], ""


def _leaves(path: str) -> bool:
    return posixpath.isabs(path) or ".." in path.split("/") or "\\" in path or not path.isprintable()


def _careless(files: dict[str, bytes]) -> tuple[str, list[str], str]:
    rows = list(csv.DictReader(files[SHEET].decode().splitlines()))
    return ("accepted" if [row["text"] for row in rows] else "refused"), [], ""


if __name__ == "__main__":
    main()
