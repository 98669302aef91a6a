"""Procrastinate: a job a line, in PostgreSQL. `python -m benchmarks.rivals.procrastinate_app FIRST COUNT` sends."""

import os
import sys
from functools import cache

import procrastinate

from benchmarks.rivals.errand import Address, Errands

CONNINFO = os.environ["BENCH_CONNINFO"]
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=CONNINFO), import_paths=["benchmarks.rivals.procrastinate_app"]
)


@cache
def errands() -> Errands:
    """Return this process's connections."""
    return Errands(Address.told())


@app.task(name="bare.speak", queue="bare")
def speak(line: int) -> None:
    """Speak one line."""
    errands().speak(line)


def main() -> None:
    """Defer the jobs, and write what that has cost to stdout, in CPU seconds a line."""
    first, count = map(int, sys.argv[1:])
    with app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=CONNINFO)).open():
        speak.defer(line=first)
        before = sum(os.times()[:2])
        for line in range(first + 1, first + count):
            speak.defer(line=line)
        sys.stdout.write(f"{(sum(os.times()[:2]) - before) / (count - 1)}\n")


if __name__ == "__main__":
    main()
