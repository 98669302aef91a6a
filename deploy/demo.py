"""`make demo`: one run from recordings to spoken files, with the commands a person would type.

It starts the stack, applies a project, fetches what was spoken, and says what each phase took. Typed again it
finds everything made: nothing is cloned, nothing is spoken, nothing is paid.
"""  # noqa: INP001 - a script

import argparse
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("callsheet"))
EXAMPLE = Path("examples/cast/cast.yaml")
OUT = Path("out")

Json = dict[str, Any]


class Clock:
    """Seconds from the start to each moment worth telling."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self.moments: dict[str, float] = {}

    def note(self, moment: str, at: datetime | None = None) -> None:
        """Note a moment: now, or one the rows have recorded."""
        self.moments[moment] = ((at or datetime.now(UTC)) - self._started).total_seconds()


def main() -> int:
    """Run the demo; the exit code is that of the first command that failed."""
    wishes = _wishes()
    try:
        _demonstrate(wishes.recordings, wishes.consent)
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


def _demonstrate(recordings: Path | None, consent: str | None) -> None:
    clock = Clock()
    _run("up")
    clock.note("stack ready")
    project = _own_project(recordings, consent) if recordings else EXAMPLE
    run = json.loads(_run("apply", str(project), "--yes", "--json", capture=True))
    charges = _ask("ledger", "--run", run["id"])["transfers"]
    spoken = [row["at"] for row in charges if row["kind"] == "speech"]
    if spoken:
        clock.note("first take spoken", datetime.fromisoformat(min(spoken)))
    clock.note("run complete")
    folder = OUT / run["production"]
    _run("pull", run["production"], "--out", str(folder))
    clock.note("files here")
    _tell(project, folder, charges, clock)


def _wishes() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=Path, help="cast the recordings of this folder instead of the example")
    parser.add_argument("--consent", help="who allows these recordings to be cloned")
    return parser.parse_args()


def _own_project(recordings: Path, consent: str | None) -> Path:
    """Return a project that casts the recordings; it is written once and may be edited."""
    folder = Path(os.environ.get("CALLSHEET_HOME", ".callsheet")) / "own" / recordings.resolve().name
    if folder.exists():
        _say(f"\n{folder} is there already and is used as it is; remove it to cast the recordings anew.")
    else:
        said = ["--consent", consent] if consent else []
        _run("init", str(folder), "--from-recordings", str(recordings), *said)
    return folder / "cast.yaml"


def _tell(project: Path, folder: Path, charges: list[Json], clock: Clock) -> None:
    spent = sum(row["amount_micros"] for row in charges)
    kinds = [row["kind"] for row in charges]
    counts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds)) or "no paid call"
    whose = "sandbox dollars" if os.environ.get("CALLSHEET_PROVIDER", "sandbox") == "sandbox" else "dollars"
    _say("\nSeconds from the start of this command, installation aside")
    for moment, seconds in clock.moments.items():
        _say(f"  {moment:<18}{seconds:7.1f}")
    _say(f"\nSpent   ${spent / 1_000_000:.6f} in {whose} ({counts})")
    _say(f"Files   {folder}/, listed in {folder}/manifest.csv")
    named, sheet = shlex.quote(str(project)), project.with_name("lines.csv")
    _say(
        f"""
Try next
  source {os.path.relpath(Path(COMMAND).with_name("activate"))}
  callsheet plan {named}   after a change in {sheet}: what it would cost, and why
  callsheet apply {named}  speak what has changed, and only that
  callsheet ledger       every charge so far
  callsheet up           where the API and Flower, the monitor of the jobs, listen
  callsheet down         stop the stack; nothing is lost
  make demo REFS=folder CONSENT="who allows it"   the same with recordings of your own"""
    )


def _ask(*arguments: str) -> Json:
    """Run a command quietly and return the JSON it writes."""
    asked = subprocess.run([COMMAND, *arguments, "--json"], check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
    answer: Json = json.loads(asked.stdout)
    return answer


def _run(*arguments: str, capture: bool = False) -> str:
    """Show a command as a person would type it, run it, and return what it wrote to stdout where that is wanted."""
    _say(f"\n$ {_short(*arguments)}")
    out = subprocess.PIPE if capture else None
    ran = subprocess.run([COMMAND, *arguments], check=True, stdout=out, text=True)  # noqa: S603 - our own command
    return ran.stdout or ""


def _short(*arguments: str) -> str:
    return shlex.join([os.path.relpath(COMMAND), *arguments])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
