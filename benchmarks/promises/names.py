"""A file is called as its line: ten thousand lines of every kind are as many files, or a refusal that names both."""

import json
from itertools import cycle
from pathlib import Path

from benchmarks.promises.report import Report
from tests.support.stack import RunningStack, sheet, write_project

LINES = 10_000
TEXTS = 400
"""Different ones: most lines say what others say too, in the same voice or in another."""
ID_CHARS = 200
VOICES = ("English_Announcer", "English_Pilot", "English_Surgeon")
SCRIPTS = ("größe", "линия", "線", "خط", "línea")
USAGE = 2
_CAST = "".join(f"  V{number}: {{voice: {{system: {voice}}}}}\n" for number, voice in enumerate(VOICES))


def keep(stack: RunningStack, folder: Path, report: Report) -> None:
    """Voice and fetch them, and have a sheet refused whose ids differ only by case."""
    ids = _ids()
    speakers = cycle(f"V{number}" for number in range(len(VOICES)))
    rows = [(line, next(speakers), f"This is text {number % TEXTS}.") for number, line in enumerate(ids)]
    project = write_project(folder, f"production: names\ncharacters:\n{_CAST}lines: lines.csv\n", sheet(*rows))
    stack.ask("apply", project, "--yes")
    stack.ask("pull", "names", "--out", folder / "pack", "--name", "{lang}/{character}/{line_id}.{ext}")
    files = {path.stem for path in (folder / "pack").rglob("*.mp3")}
    report.check("names: lines without a file of their name", sorted(set(ids) - files), [])
    report.check("names: files", sum(1 for _ in (folder / "pack").rglob("*.mp3")), LINES)
    _refuse(stack, folder, rows, report)


def _refuse(stack: RunningStack, folder: Path, rows: list[tuple[str, str, str]], report: Report) -> None:
    twin = (rows[41][0].upper(), *rows[41][1:])
    project = write_project(
        folder / "twins", f"production: names\ncharacters:\n{_CAST}lines: lines.csv\n", sheet(*rows, twin)
    )
    refused = stack.run("check", project, "--json")
    report.check("names: exit code of a sheet with two ids that differ by case", refused.code, USAGE)
    told = json.dumps(json.loads(refused.err or refused.out), ensure_ascii=False)
    report.check("names: the refusal names both rows", f"row {LINES + 2}" in told and "row 43" in told, True)


def _ids() -> list[str]:
    plain = [f"line_{number:05}" for number in range(LINES)]
    for number in range(0, LINES, 7):
        plain[number] = f"{SCRIPTS[number % len(SCRIPTS)]}_{number:05}"
    for number in range(3, LINES, 1_000):
        plain[number] = f"{number:05}_".ljust(ID_CHARS, "x")
    return plain
