"""Files that callers have uploaded and not yet used. In memory only: no recording outlives the process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from pipeline.sandbox.body import Upload

MOST_BYTES = 256_000_000

_COUNTED = 20
"""Bits of an id that count; the milliseconds above them put every id beyond 2^53 and never repeat one."""


@dataclass(frozen=True, slots=True)
class ShelvedFile:
    """An uploaded file; `file_id` is more than a double can hold exactly."""

    file_id: int
    user: str
    purpose: str
    created_ms: int
    upload: Upload


class Shelf:
    """The newest files, as far as they fit. Touched from the event loop only."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._numbers = count()
        self._files: dict[int, ShelvedFile] = {}

    def __len__(self) -> int:
        return len(self._files)

    def put(self, user: str, purpose: str, upload: Upload) -> ShelvedFile:
        """Keep a file; the oldest make room for it."""
        now = self._now_ms()
        file_id = (now << _COUNTED) | (next(self._numbers) & (1 << _COUNTED) - 1)
        file = self._files[file_id] = ShelvedFile(file_id, user, purpose, now, upload)
        while len(self._files) > 1 and sum(len(kept.upload.data) for kept in self._files.values()) > MOST_BYTES:
            del self._files[next(iter(self._files))]
        return file

    def get(self, user: str, file_id: int) -> ShelvedFile | None:
        """Return a user's file."""
        file = self._files.get(file_id)
        return file if file is not None and file.user == user else None

    def of(self, user: str, purpose: str) -> Iterator[ShelvedFile]:
        """Yield a user's files of one purpose, oldest first."""
        return (file for file in self._files.values() if (file.user, file.purpose) == (user, purpose))

    def drop(self, file_id: int) -> None:
        """Forget a file."""
        self._files.pop(file_id, None)

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()
