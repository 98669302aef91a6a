"""Answers that money was paid for, on this machine's disk before anything else is tried with them."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

from pipeline.errors import EnvironmentFault

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}")
PARTIAL = ".partial"


@dataclass(frozen=True)
class Entry:
    """One answer in the spool."""

    name: str
    content: bytes
    age_seconds: float


@dataclass(frozen=True)
class Backlog:
    """What is in the spool: how many answers, their size in bytes, and the age of the oldest in seconds."""

    answers: int
    size: int
    oldest_seconds: float


class Spool:
    """A folder of small files, each there whole or not at all, even after a power cut. Safe to share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> None:
        """Keep an answer; once this returns it survives a crash. Raises `EnvironmentFault` where it cannot be kept."""
        self._check(name)
        partial = self.folder / f"{name}.{os.getpid()}.{get_ident()}{PARTIAL}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.folder / name)
            _sync(self.folder)
        except OSError as error:
            raise EnvironmentFault(
                f"An answer could not be kept in {self.folder}: {error.strerror}.",
                hint="Make room there, or point CALLSHEET_SPOOL_DIR to a disk that has some.",
            ) from error

    def entries(self, prefix: str = "", *, older_than: float = 0.0) -> Iterator[Entry]:
        """Return what is kept under names that begin with `prefix`, oldest name first; `older_than` in seconds."""
        for path in sorted(self.folder.glob(f"{prefix}*")) if self.folder.is_dir() else ():
            if path.suffix == PARTIAL:
                continue
            with suppress(FileNotFoundError):  # settled by whoever wrote it
                age = time.time() - path.stat().st_mtime
                if age >= older_than:
                    yield Entry(path.name, path.read_bytes(), age)

    def backlog(self) -> Backlog:
        """Tell how much is kept here without reading it."""
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.suffix != PARTIAL:
                    found.append(path.stat())
        oldest = max((time.time() - facts.st_mtime for facts in found), default=0.0)
        return Backlog(len(found), sum(facts.st_size for facts in found), max(oldest, 0.0))

    def read(self, name: str) -> bytes | None:
        """Return one answer, or None where it is not kept here."""
        self._check(name)
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Forget an answer that has reached the database; harmless where it is gone."""
        self._check(name)
        (self.folder / name).unlink(missing_ok=True)

    def _check(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for an answer")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
