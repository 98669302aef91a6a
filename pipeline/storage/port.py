"""A bucket, in our own words.

StorageError
├── ObjectMissing      there is nothing under this key
├── ObjectExists       there is something under this key already
├── ObjectTooLarge     larger than the caller allowed
├── InvalidObject      a key, a type or metadata that not every store can keep
├── StoreUnavailable   away, overloaded or too slow: it may be tried again
└── StoreRefused       wrong key, secret, bucket or rights: somebody has to change a setting
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class StorageError(Exception):
    """The bucket could not be read or written."""


class ObjectMissing(StorageError):
    """There is no object under this key."""


class ObjectExists(StorageError):
    """There is an object under this key already; the first writer wins."""


class ObjectTooLarge(StorageError):
    """The object is larger than the caller allowed."""


class InvalidObject(StorageError):
    """The key, the content type or the metadata is one that not every store can keep."""


class StoreUnavailable(StorageError):
    """The store is away, overloaded or too slow; the call may be made again."""


class StoreRefused(StorageError):
    """The store does not accept our key, secret, bucket or rights; somebody has to change a setting."""


@dataclass(frozen=True)
class ObjectInfo:
    """What the bucket knows of an object without sending its bytes.

    A listing tells key and size alone: its `content_type` and `metadata` are empty.
    """

    key: str
    size: int
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UploadForm:
    """A presigned POST: where to send it and the form fields that go before the file."""

    url: str
    fields: Mapping[str, str]


class ObjectStore(Protocol):
    """S3 or its local twin, safe to share between threads. Keys are relative to our bucket.

    Raises `StorageError`, and `OSError` where the caller's own file cannot be read or written. What keys and
    metadata may look like is in `pipeline.storage.names`.
    """

    def ensure_bucket(self) -> None:
        """Create the bucket where it is missing."""

    def put(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write an object; raises `ObjectExists` where there is one. Nothing is ever overwritten."""

    def get(self, key: str) -> bytes:
        """Read a whole object; raises `ObjectMissing`."""

    def download(self, key: str, path: Path, *, max_bytes: int) -> None:
        """Write an object to `path` without holding it in memory, whole or not at all.

        Raises `ObjectMissing`, and `ObjectTooLarge` above `max_bytes`.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None where there is none."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""

    def list(self, prefix: str) -> Iterable[ObjectInfo]:
        """Yield each object whose key starts with `prefix` once; stores differ in the order."""

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, expires: int = 600) -> UploadForm:
        """Presign POSTs of exactly this key and type, of 1 to `max_bytes` bytes, for `expires` seconds.

        S3 lets a form be used again while it lasts: a key that is handed out must be unguessable and new.
        """

    def download_url(self, key: str, *, filename: str | None = None, expires: int = 600) -> str:
        """Presign one GET, with the name the browser should save it under."""
