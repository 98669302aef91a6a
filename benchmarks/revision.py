"""A week of a game audio lead: a sheet of thousands is made, revised, planned and made again, to the micro-dollar.

    python -m benchmarks.revision --lines 5000

Of the sheet 37 lines are edited, 12 are new, 5 have left, and one role has another voice. The plan has to name exactly
these with their reasons, in less than 5 seconds, without a write and without a call to the provider; the saved plan has
to be refused where the sheet has moved on; and what the provider charges has to be what the plan said. Ends with one
line of `key=value` pairs, and with exit code 1 where anything of this is not so.
"""

import argparse
import csv
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.production import write_production
from benchmarks.promises.report import Report
from tests.support.stack import Ended, RunningStack, running_stack

EDITED, NEW, GONE = 37, 12, 5
RECAST, ANOTHER_VOICE = "S_2", "English_Narrator"
CLONES = 8
PLAN_SECONDS = 5.0
CONFLICT = 2


@dataclass(frozen=True)
class Edits:
    """What a revision does to a sheet, by line."""

    edited: frozenset[str]
    recast: frozenset[str]
    new: frozenset[str]
    gone: frozenset[str]


def main() -> None:
    """Make, revise, plan and make again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revision", description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1, help="Chooses what is revised.")
    given = parser.parse_args()
    report = Report()
    with running_stack() as stack, tempfile.TemporaryDirectory(prefix="cs-revision-") as folder:
        project = write_production(Path(folder) / "game", "game", lines=given.lines, clones=CLONES)
        _make_first(stack, project, report)
        edits = revise(project, random.Random(given.seed))
        _plan_revision(stack, project, edits, report)
        _refuse_saved(stack, project, report)
        _make_revision(stack, project, edits, report)
    print(report.line(lines=given.lines, cores=os.cpu_count()))
    sys.exit(1 if report.broken else 0)


def revise(project: Path, chance: random.Random) -> Edits:
    """Edit the sheet and recast a role, and return what was done."""
    sheet = project.with_name("lines.csv")
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    recast = frozenset(row["id"] for row in rows if row["character"] == RECAST)
    others = [row["id"] for row in rows if row["id"] not in recast]
    chosen = chance.sample(others, EDITED + GONE)
    edited, gone = frozenset(chosen[:EDITED]), frozenset(chosen[EDITED:])
    for row in rows:
        if row["id"] in edited:
            row["text"] += " Or so they say."
    rows = [row for row in rows if row["id"] not in gone]
    new = [{"id": f"new_{n:02}", "character": rows[0]["character"], "text": f"This is new, {n}."} for n in range(NEW)]
    _write(sheet, [*rows, *new])
    cast = project.read_text()
    project.write_text(cast.replace(f"  {RECAST}: {{voice: {{system: English_Surgeon}}}}", _recast()))
    return Edits(edited, recast, frozenset(row["id"] for row in new), gone)


def _recast() -> str:
    return f"  {RECAST}: {{voice: {{system: {ANOTHER_VOICE}}}}}"


def _write(sheet: Path, rows: Iterable[dict[str, str]]) -> None:
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "character", "text"])
        writer.writeheader()
        writer.writerows(rows)


def _make_first(stack: RunningStack, project: Path, report: Report) -> None:
    plan = stack.ask("plan", project)["totals"]
    charged, seconds = _charged(stack, lambda: _apply(stack, project))
    report.figures |= {"first_seconds": round(seconds, 1), "first_micros": charged}
    report.check("the first run is charged what its plan said, in micro-dollars", charged, plan["total_micros"])
    report.check("voices made", plan["voices_to_make"], CLONES)


def _plan_revision(stack: RunningStack, project: Path, edits: Edits, report: Report) -> None:
    calls, books = len(stack.sandbox("ledger")["calls"]), stack.ask("ledger")["balance"]
    begun = time.monotonic()
    plan = stack.ask("plan", project, "--save", _saved(project))
    report.below("seconds to plan and to save the plan", "plan_seconds", time.monotonic() - begun, PLAN_SECONDS)
    why: dict[str, set[str]] = {}
    for line in plan["lines"]:
        why.setdefault(line["reason"], set()).add(line["line_id"])
    report.check("lines planned because their text has changed", _named(why, "text"), sorted(edits.edited))
    report.check("lines planned because their voice has changed", len(_named(why, "voice")), len(edits.recast))
    report.check("of them all are the recast role's", set(_named(why, "voice")) <= edits.recast, True)
    report.check("lines planned because they are new", _named(why, "new"), sorted(edits.new))
    report.check("lines that have left", sorted(plan["removed"]), sorted(edits.gone))
    report.check("reasons", sorted(why), ["new", "reused", "text", "voice"])
    report.check("voices to make", plan["totals"]["voices_to_make"], 0)
    report.check("calls to the provider while planning", len(stack.sandbox("ledger")["calls"]) - calls, 0)
    report.check("the books after planning", stack.ask("ledger")["balance"], books)


def _refuse_saved(stack: RunningStack, project: Path, report: Report) -> None:
    sheet = project.with_name("lines.csv")
    planned = sheet.read_bytes()
    sheet.write_bytes(planned + b'late_1,S_0,"One more, after the plan."\n')
    refused = stack.run("apply", project, "--plan", _saved(project), "--yes")
    sheet.write_bytes(planned)
    report.check("exit code of a saved plan whose sheet has moved on", refused.code, CONFLICT)
    report.check("it names the line", "late_1" in refused.err, True)


def _make_revision(stack: RunningStack, project: Path, edits: Edits, report: Report) -> None:
    plan = stack.ask("plan", project)["totals"]
    posts = Counter(call["route"] for call in stack.sandbox("ledger")["calls"])
    charged, seconds = _charged(stack, lambda: _apply(stack, project, "--plan", _saved(project)))
    report.figures |= {"revision_seconds": round(seconds, 1), "revision_micros": charged}
    report.check("the revision is charged what its plan said, in micro-dollars", charged, plan["total_micros"])
    spoken = Counter(call["route"] for call in stack.sandbox("ledger")["calls"]) - posts
    lines = len(edits.edited | edits.recast | edits.new)
    report.check("lines spoken", sum(count for route, count in spoken.items() if route.endswith("speech")), lines)
    after = stack.ask("plan", project)["totals"]
    report.check("lines left to speak", (after["lines_to_speak"], after["total_micros"]), (0, 0))
    report.check("our books and the provider's", stack.spent(), stack.charged())


def _charged(stack: RunningStack, work: Callable[[], Ended]) -> tuple[int, float]:
    """Return what the provider has charged for some work, in micro-dollars, and how long it took."""
    before, begun = stack.charged(), time.monotonic()
    ended = work()
    seconds = time.monotonic() - begun
    if ended.code:
        raise SystemExit(f"apply has ended with {ended.code}:\n{ended.err}")
    return stack.charged() - before, seconds


def _apply(stack: RunningStack, project: Path, *options: str | Path) -> Ended:
    command = stack.start("apply", project, "--yes", *options)
    out, err = command.communicate()
    return Ended(command.returncode, out, err)


def _named(why: dict[str, set[str]], reason: str) -> Sequence[str]:
    return sorted(why.get(reason, ()))


def _saved(project: Path) -> Path:
    return project.with_name("plan.json")


if __name__ == "__main__":
    main()
