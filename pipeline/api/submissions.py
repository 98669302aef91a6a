"""The documents of a submission: those that came with the request, and those that lie in the bucket by their hash."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.edge import Edge
from pipeline.errors import UsageError
from pipeline.intake.rules import SHEET_BYTES, Project, Read, read_project
from pipeline.references.rules import upload_key
from pipeline.scratch import Scratch
from pipeline.storage.port import ObjectMissing, ObjectTooLarge


@contextmanager
def submitted(edge: Edge, account_id: str, *, inline: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Read]:
    """Yield what reads a submission: `inline` holds base64 and `files` a SHA-256 by path. None of it stays on disk.

    Raises `UsageError` where an inline document is not base64.
    """
    documents = {path: _decoded(path, body) for path, body in inline.items()}
    with Scratch() as folder:

        def read(path: str) -> bytes | Path:
            if path in documents:
                return documents[path]
            if path in files:
                return _fetched(edge, account_id, path, files[path], folder / files[path])
            raise FileNotFoundError(path)

        yield read


def read_submitted(
    edge: Edge, account_id: str, project: str, *, inline: Mapping[str, str], files: Mapping[str, str]
) -> Project:
    """Read a project whose documents came with the request or lie in the bucket."""
    with submitted(edge, account_id, inline=inline, files=files) as read:
        return read_project(project, read)


def uploaded_recordings(
    edge: Edge, account_id: str, files: Mapping[str, str], recordings: Iterable[str]
) -> dict[str, str]:
    """Return the SHA-256 of each recording by path; raises `UsageError` naming those that are not there."""
    named = {path: files.get(path) for path in recordings}
    there = {path: sha for path, sha in named.items() if sha and edge.store.head(upload_key(account_id, sha))}
    missing = [path for path in named if path not in there]
    if missing:
        hint = "List them under `files` and use the forms of POST /v1/uploads first."
        raise UsageError(f"Not uploaded: {', '.join(missing)}.", hint=hint)
    return there


def _decoded(path: str, body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:  # binascii.Error is one; characters beyond ASCII raise the plain one
        raise UsageError(f"{path} is not base64.", hint="Encode each document's bytes in base64.") from None


def _fetched(edge: Edge, account_id: str, path: str, sha256: str, local: Path) -> Path:
    key = upload_key(account_id, sha256)
    try:
        edge.store.download(key, local, max_bytes=SHEET_BYTES)
    except ObjectMissing:
        raise FileNotFoundError(path) from None
    except ObjectTooLarge as error:
        raise UsageError(f"{path}: {error}", hint="Split it, or leave out what no line needs.") from None
    with local.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        # While it lies there, POST /v1/uploads says that the file is present and gives no form for the right one.
        edge.store.delete(key)
        raise UsageError(f"{path} is not the file that was submitted.", hint="Upload it again.")
    return local
