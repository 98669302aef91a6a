"""What a check has found, and how it says that something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pipeline import wiring
from pipeline.settings import Settings
from workers.stack.control import Stack

LONGEST_ERROR = 200


class CheckFailed(Exception):
    """A part is not as it should be; `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    part: str
    ok: bool
    message: str
    fix: str = ""


@contextmanager
def rows(settings: Settings) -> Iterator[Session]:
    """Read the database; raises `CheckFailed` where it cannot be asked, which its own check explains."""
    database = wiring.database(settings)
    try:
        with database.read() as session:
            yield session
    except SQLAlchemyError as error:
        raise CheckFailed(f"the database cannot be asked: {told(error)}", "See the database above.") from error
    finally:
        database.close()


def started_anew(settings: Settings, part: str, otherwise: str) -> str:
    """Return the fix for a part that answers nobody: where the stack here runs it, a start alone would leave it."""
    if all(known.name != part for known in Stack(settings).state().parts):
        return otherwise
    log = settings.home / "logs" / f"{part}.log"
    return f"Run `callsheet down`, then `callsheet up`; its log is {log}."


def told(error: Exception) -> str:
    """Return an error in a line."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"[:LONGEST_ERROR]
