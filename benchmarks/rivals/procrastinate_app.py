"""Procrastinate: a job a line, in PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def sender() -> Iterator[Callable[[int], object]]:
    """Return what sends a line."""
    with app.open():
        yield lambda line: speak.defer(line=line)
