"""Sheets of up to a million lines: how long reading, planning and starting a run take, how it grows, what memory.

    python -m benchmarks.bulk [--full] [--database URL]

Every step runs in a process of its own, so that its peak of memory is its own. `plan` reads a sheet of which one line
in a hundred was changed since it was applied; `import` reads a new sheet, plans it and writes the run down. A line
has 66 characters of text and one column of its own. `wait` is the longest that the beat of a worker, in a process of
its own, had to wait for the database meanwhile. `exponent` is the slope of an import's CPU seconds over lines,
both as logarithms, from 10,000 lines on: below that what a process costs by itself is measured.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from pipeline.audio.report import peak_rss_bytes
from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.db.migrate import upgrade
from pipeline.intake.rules import Project, read_project
from pipeline.ledger.accounts import create_account
from pipeline.ledger.models import Account
from pipeline.planning import service as planning
from pipeline.planning.market import Market
from pipeline.provider.kyma import Kyma
from pipeline.provider.port import Prices

SIZES = (1_000, 10_000, 100_000)
FULL = (*SIZES, 1_000_000)
NAMES = {1_000: "1k", 10_000: "10k", 100_000: "100k", 1_000_000: "1m"}
CHARACTERS = 20
LEAST_FITTED = 10_000
CHANGED = 100
"""One line in so many differs in the revision."""
MODEL = "minimax-speech-hd"
PRICES = Prices(2_100_000, 4_200_000, {MODEL: 100_000_000}, source="table")


def measure(*, full: bool = False, database: str | None = None) -> dict[str, float]:
    """Return seconds and megabytes by name, and the exponent; `database` is an empty one for each size to share."""
    figures: dict[str, float] = {}
    seconds: dict[int, float] = {}
    for size in FULL if full else SIZES:
        with tempfile.TemporaryDirectory(prefix="callsheet-bulk-") as folder:
            for step, told in _measured(size, Path(folder), database).items():
                figures[f"{step}_{NAMES[size]}_seconds"] = round(told["seconds"], 3)
                figures[f"{step}_{NAMES[size]}_cpu_seconds"] = round(told["cpu"], 3)
                figures[f"{step}_{NAMES[size]}_mb"] = round(told["mb"], 1)
                figures[f"{step}_{NAMES[size]}_wait_seconds"] = round(told["wait"], 3)
        seconds[size] = figures[f"import_{NAMES[size]}_cpu_seconds"]
    return {**figures, "exponent": round(exponent(seconds), 3)}


def exponent(seconds: Mapping[int, float]) -> float:
    """Return the slope of a straight line through the logarithms of sizes and times."""
    points = [(math.log(size), math.log(taken)) for size, taken in seconds.items() if size >= LEAST_FITTED]
    x_mean, y_mean = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread


def write_project(folder: Path, lines: int, *, revised: bool) -> None:
    """Write a project of so many lines; in a revised one every hundredth says something else."""
    cast = "".join(f"  C{number}: {{voice: {{system: v{number}}}}}\n" for number in range(CHARACTERS))
    head = f"production: bulk{lines}\nmodel: {MODEL}\nquality: {{check: false}}\n"
    (folder / "cast.yaml").write_text(f"{head}characters:\n{cast}lines: lines.csv\n")
    with (folder / "lines.csv").open("w") as sheet:
        sheet.write("id,character,text,direction,scene\n")
        for number in range(lines):
            hour = "tomorrow" if revised and number % CHANGED == 0 else "tonight"
            text = f"The harbour is quiet {hour}, said watchman number {number} to nobody."
            sheet.write(f'line_{number:07},C{number % CHARACTERS},"{text}",calm,{number // 50}\n')


def _measured(size: int, folder: Path, database: str | None) -> dict[str, dict[str, float]]:
    url = database or f"sqlite:///{folder / 'bulk.db'}"
    prepared = Database(url)
    upgrade(prepared)
    with prepared.write() as session:
        account = create_account(session, f"bulk-{size}", cap=None).id
    prepared.close()
    told = {}
    for step, revised in (("check", False), ("import", False), ("plan", True)):
        write_project(folder, size, revised=revised)
        with _beating(url) as waits:
            told[step] = _in_a_process(step, folder, url, account)
        told[step]["wait"] = max(waits)
    return told


@contextmanager
def _beating(url: str) -> Iterator[list[float]]:
    """Beat as a worker does, from another process than the one that writes, and keep how long each beat took."""
    database, ended, waits = Database(url), Event(), [0.0]
    with database.write() as session:
        holder = leases.join(session)

    def beat() -> None:
        while not ended.wait(leases.BEAT_SECONDS):
            begun = time.perf_counter()
            with database.write(first=True) as session:
                leases.beat(session, holder)
            waits.append(time.perf_counter() - begun)

    beating = Thread(target=beat)
    beating.start()
    try:
        yield waits
    finally:
        ended.set()
        beating.join()
        database.close()


def _in_a_process(step: str, folder: Path, url: str, account: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bulk", "--step", step, str(folder), url, account]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told: dict[str, float] = json.loads(said)
    return told


def _run_step(step: str, folder: str, url: str, account: str) -> None:
    started, used = time.perf_counter(), time.process_time()
    project = read_project("cast.yaml", lambda path: Path(folder) / path)
    STEPS[step](project, url, account)
    told = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used}
    sys.stdout.write(json.dumps({**told, "mb": peak_rss_bytes() / (1 << 20)}))


def _check(_project: Project, _url: str, _account: str) -> None:
    """Reading was all."""


def _import(project: Project, url: str, account: str) -> None:
    database = Database(url)
    planning.start(database, account, planning.Submission(project, {}), _market(), agreed=None, budget=None)


def _plan(project: Project, url: str, account: str) -> None:
    with Database(url).read() as session:
        session.get_one(Account, account)
        drawn = planning.draw_up(session, account, planning.Submission(project, {}), _market())
    changed = drawn.totals()["lines_to_speak"]
    if changed != -(-len(project.lines) // CHANGED):
        raise RuntimeError(f"{changed} lines are planned, which is not one in {CHANGED}")


STEPS: Mapping[str, Callable[[Project, str, str], None]] = {"check": _check, "import": _import, "plan": _plan}


def _market() -> Market:
    return Market("kyma", Kyma(name="kyma", base_url="http://127.0.0.1:9", api_key="none").capabilities(), PRICES)


def main() -> None:
    """Print the figures as JSON, and in one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="a million lines too")
    parser.add_argument("--database", help="URL of an empty database; a file of SQLite without it")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        _run_step(*given.step)
        return
    figures = measure(full=given.full, database=given.database)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(" ".join(f"{name}={value}" for name, value in figures.items()) + "\n")


if __name__ == "__main__":
    main()
