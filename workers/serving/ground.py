"""What every process starts from: an edge whose events become messages, and a way to say that it is ready."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from pipeline import crash, wiring
from pipeline.db.migrate import is_current
from pipeline.edge import Edge
from pipeline.errors import CallsheetError, EnvironmentFault
from pipeline.provider.meter import Meter
from pipeline.scratch import clear_leftovers
from pipeline.settings import Settings
from pipeline.storage.port import ObjectStore, StorageError
from workers.app import app
from workers.relay import CeleryPublisher

READY_FILE = "CALLSHEET_READY_FILE"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


@contextmanager
def told() -> Iterator[None]:
    """End this process by a sentence and an exit code, where an error of ours ends it."""
    try:
        yield
    except CallsheetError as error:
        sys.stderr.write(f"{error.message} ({error.code})\nNext  {error.hint}\n")
        raise SystemExit(error.exit_code) from error


def open_edge(settings: Settings, meter: Meter | None = None) -> Edge:
    """Return the edge of this process, its calls told to `meter`; raises `EnvironmentFault` where a part is not set."""
    if settings.broker_url is None:
        raise EnvironmentFault("CALLSHEET_BROKER_URL is not set and no stack is running here.", hint=wiring.UP)
    crash.refuse_outside_tests()
    clear_leftovers()
    edge = wiring.edge(settings, CeleryPublisher(app), meter)
    wait_until("the database has this version's schema", lambda: is_current(edge.database))
    return edge


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait for another part that starts at the same time; raises `EnvironmentFault` after a while.

    Everything starts at once and waits for what it needs by itself: a start in order took half as long again.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _holds(is_so):
        if time.monotonic() > deadline:
            raise EnvironmentFault(
                f"Waited {PATIENCE_SECONDS:.0f} s until {what}, in vain.",
                hint="`callsheet doctor` tells what is wrong.",
            )
        time.sleep(POLL_SECONDS)


def _holds(is_so: Callable[[], bool]) -> bool:
    try:
        return is_so()
    except (SQLAlchemyError, StorageError):
        return False


def ready_file() -> Path | None:
    """Return the file to be written once this process takes work, where somebody waits for it."""
    named = os.environ.get(READY_FILE)
    return Path(named) if named else None


def has_bucket(store: ObjectStore) -> bool:
    """Create the bucket where it is missing; raises `StorageError` while nobody answers."""
    store.ensure_bucket()
    return True
