"""Keys, metadata and file names that every store keeps as they are given: S3, SeaweedFS and a file system.

One rule cannot be checked on a key alone: no key may be another one's folder. SeaweedFS 4.48 answers a
conditional PUT of `a` with "exists already" when `a/b` is or was there (measured).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from pipeline.storage.port import InvalidObject

LONGEST_KEY = 1024
"""Bytes of UTF-8, S3's own limit."""

LONGEST_SEGMENT = 255
"""Bytes of UTF-8 between two slashes, the limit of file systems."""

LONGEST_METADATA = 2048
"""Bytes of all names and values together, S3's own limit."""

LONGEST_EXPIRY = 7 * 24 * 3600
"""Seconds a signature may last, S3's own limit."""

_METADATA_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.+-]+)*", re.ASCII)


def check_key(key: str) -> None:
    """Raise `InvalidObject` unless `key` is segments joined by slashes, none of them `.` or `..`."""
    check_prefix(key)
    if not all(1 <= len(segment.encode()) <= LONGEST_SEGMENT for segment in key.split("/")):
        raise InvalidObject(
            f"The key {key!r:.100} has an empty or overlong part: 1 to {LONGEST_SEGMENT} bytes are allowed."
        )


def check_prefix(prefix: str) -> None:
    """Raise `InvalidObject` unless keys may start like this."""
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError as error:
        raise InvalidObject(f"The key {prefix!a:.100} holds half a surrogate pair.") from error
    if size > LONGEST_KEY:
        raise InvalidObject(f"The key {prefix!r:.100} has {size} bytes; at most {LONGEST_KEY} are allowed.")
    if not prefix.isprintable() or "\\" in prefix or "${" in prefix:
        raise InvalidObject(f"The key {prefix!a:.100} holds a control character, a backslash or '${{'.")
    if {".", ".."} & set(prefix.split("/")):
        raise InvalidObject(f"The key {prefix!r:.100} climbs out of its folder; '.' and '..' are not allowed.")


def check_content(content_type: str, metadata: Mapping[str, str]) -> None:
    """Raise `InvalidObject` for a type or metadata that would be changed or refused on the way."""
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise InvalidObject(f"{content_type!a:.100} is not a content type such as audio/mpeg.")
    for name, value in metadata.items():
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidObject(f"The metadata name {name!a:.60} is not lower-case words joined by hyphens.")
        if not (value.isascii() and value.isprintable() and value == value.strip() != ""):
            raise InvalidObject(f"The metadata value {value!a:.60} of {name!r} is not plain ASCII text.")
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > LONGEST_METADATA:
        raise InvalidObject(f"The metadata has {size} bytes; at most {LONGEST_METADATA} are allowed.")


def check_expiry(seconds: int) -> None:
    """Raise `InvalidObject` unless a signature can last that long."""
    if not 1 <= seconds <= LONGEST_EXPIRY:
        raise InvalidObject(f"A signature lasts 1 to {LONGEST_EXPIRY} seconds, not {seconds}.")


def check_upload(key: str, content_type: str, max_bytes: int, expires: int) -> None:
    """Raise `InvalidObject` unless a form for this upload can be signed."""
    check_key(key)
    check_content(content_type, {})
    check_expiry(expires)
    if max_bytes < 1:
        raise InvalidObject(f"An upload of at most {max_bytes} bytes takes nothing; allow at least 1.")


def attachment(filename: str) -> str:
    """Return the Content-Disposition that saves a download under `filename`, whatever its script (RFC 6266)."""
    plain = re.sub(r"[^ !#-\[\]-~]|[%/]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
