"""What a pull leaves on disk beside the sounds: the journal of an unfinished one, lists, the manifest."""

import fcntl
import filecmp
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from pipeline.errors import EnvironmentFault
from pipeline.packs.rules.manifest import MANIFEST, entries_of

Json = dict[str, Any]
JOURNAL = ".callsheet-pull.jsonl"


class Journal:
    """Remembers each file as it is done, until the manifest is written: what an interrupted pull did is not done again.

    Holds the folder for one pull at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / JOURNAL
        self._file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise EnvironmentFault(
                f"Another pull is writing to {folder}.", hint="Wait for its end, or choose another folder with --out."
            ) from error

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the folder go; the journal stays if it holds anything and the pull was not finished."""
        if self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()
        self._file.close()

    def entries(self) -> Iterator[Json]:
        """Yield what an interrupted pull has done; a line it did not finish is passed over."""
        self._file.seek(0)
        yield from entries_of(self._file)

    def add(self, entry: Json) -> None:
        """Write down a file that is done."""
        self._file.write(f"\n{json.dumps(entry)}")
        self._file.flush()

    def finish(self) -> None:
        """Forget everything: the manifest holds it now."""
        self._path.unlink(missing_ok=True)


def manifest_entries(folder: Path) -> Iterator[Json]:
    """Yield what the manifest of the last pull says of its files."""
    path = folder / MANIFEST
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from entries_of(file)


def write_text(path: Path, pieces: Iterable[str]) -> str:
    """Write a text beside its place and rename it, unless it stands there already. Returns its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, digest = path.with_name(f".{path.name}.part"), hashlib.sha256()
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                content = piece.encode()
                digest.update(content)
                file.write(content)
        if not (path.is_file() and filecmp.cmp(partial, path, shallow=False)):
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def sha256_of(path: Path) -> str | None:
    """Return the hash of a file; None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(folder: Path, file: str) -> None:
    """Delete a file of the pack, and the folders that it leaves empty."""
    path = folder / file
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == folder or any(parent.iterdir()):
            return
        parent.rmdir()
