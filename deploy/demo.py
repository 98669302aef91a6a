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
import time
from datetime import datetime
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("callsheet"))
EXAMPLE = Path("examples/cast/cast.yaml")
OUT = Path("out")

Json = dict[str, Any]


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
    started = time.monotonic()
    _run("up")
    ready = time.monotonic()
    project = _own_project(recordings, consent) if recordings else EXAMPLE
    production = _ask("check", str(project))["production"]
    run = json.loads(_run("apply", str(project), "--yes", "--json", capture=True))
    applied = time.monotonic()
    folder = OUT / production
    _run("pull", production, "--out", str(folder))
    done = time.monotonic()
    phases = {
        "stack ready": f"{ready - started:.1f} s",
        "first take spoken": _first_take(run),
        "all takes spoken": f"{applied - ready:.1f} s after that",
        "done": f"{done - started:.1f} s in all",
    }
    _tell(project, folder, run, phases)


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


def _first_take(run: Json) -> str:
    """Tell when the first take was there: spoken, stored and paid, counted from the start of the run."""
    spoken = [row["at"] for row in _charges(run) if row["kind"] == "speech"]
    if not spoken:
        return "nothing was left to speak"
    waited = datetime.fromisoformat(min(spoken)) - datetime.fromisoformat(run["started_at"])
    return f"{waited.total_seconds():.1f} s after the run began"


def _charges(run: Json) -> list[Json]:
    charges: list[Json] = _ask("ledger", "--run", run["id"])["transfers"]
    return charges


def _tell(project: Path, folder: Path, run: Json, phases: dict[str, str]) -> None:
    charges = _charges(run)
    spent = sum(row["amount_micros"] for row in charges)
    kinds = [row["kind"] for row in charges]
    counts = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)) or "no paid call"
    whose = "sandbox dollars" if os.environ.get("CALLSHEET_PROVIDER", "sandbox") == "sandbox" else "dollars"
    _say("")
    for name, took in phases.items():
        _say(f"  {name:<18} {took}")
    _say(f"  {'spent':<18} ${spent / 1_000_000:.6f} in {whose}: {counts}")
    _say(f"  {'files':<18} {folder}/  (manifest.csv lists them)")
    _say(
        f"""
Try next
  change a line in {project.parent}/lines.csv, then
  {_short("plan", str(project)):<46} what that would cost, and why
  {_short("apply", str(project)):<46} speak what has changed, and only that
  {_short("ledger"):<46} every charge so far
  {_short("flower"):<46} watch the jobs in a browser
  make demo REFS=folder CONSENT="your name"      the same with recordings of yours
  {_short("down"):<46} stop the stack; nothing is lost"""
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
