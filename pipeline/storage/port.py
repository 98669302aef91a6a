"""A bucket, in our own words."""

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


@dataclass(frozen=True)
class ObjectInfo:
    """What the bucket knows of an object without sending its bytes."""

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
    """S3 or its local twin. Keys are relative to our bucket. Raises `StorageError`."""

    def ensure_bucket(self) -> None:
        """Create the bucket where it is missing."""

    def put(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write an object; raises `ObjectExists` where there is one. Nothing is ever overwritten."""

    def get(self, key: str) -> bytes:
        """Read a whole object; raises `ObjectMissing`."""

    def download(self, key: str, path: Path, *, max_bytes: int) -> None:
        """Write an object to `path` without holding it in memory; refuses one above `max_bytes`."""

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None where there is none."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""

    def list(self, prefix: str) -> Iterable[ObjectInfo]:
        """List the objects under a prefix, in the order of their keys."""

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, expires: int = 600) -> UploadForm:
        """Presign one POST of exactly this key and type, of 1 to `max_bytes` bytes, for `expires` seconds."""

    def download_url(self, key: str, *, filename: str | None = None, expires: int = 600) -> str:
        """Presign one GET, with the name the browser should save it under."""
