"""Hundreds of equal barks are one call and one charge, and a file each."""

from pathlib import Path

from benchmarks.promises.report import Report
from tests.support.stack import RunningStack, sheet, write_project

BARKS = 900
CAST = "production: barks\ncharacters:\n  GUARD: {voice: {system: English_Announcer}}\nlines: lines.csv\n"


def keep(stack: RunningStack, folder: Path, report: Report) -> None:
    """Voice so many equal lines of one voice and fetch them."""
    rows = [(f"bark_{number:03}", "GUARD", "Who goes there?") for number in range(BARKS)]
    project = write_project(folder, CAST, sheet(*rows))
    before = _speeches(stack)
    stack.ask("apply", project, "--yes")
    report.check(f"barks: charges for {BARKS} equal lines of one voice", _speeches(stack) - before, 1)
    stack.ask("pull", "barks", "--out", folder / "pack")
    report.check("barks: files", len(list((folder / "pack").rglob("*.mp3"))), BARKS)


def _speeches(stack: RunningStack) -> int:
    return sum(1 for charge in stack.sandbox("ledger")["charges"] if charge["operation"] == "speech")
