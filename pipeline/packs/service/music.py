"""The music and covers that an account shares: its scripts name them as `bucket:NAME`. The bucket alone keeps them.

    music/<account>/<name>/<number>-<sha256><suffix>

The newest number of a name counts. What it has replaced stays until the name is removed, for episodes that are being
built of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import Conflict, NotFound
from pipeline.storage.port import ObjectInfo, ObjectStore, UploadForm

CONTENT_TYPE = "application/octet-stream"
MOST_PIECES = 1_000
"""Of one account; each list of them reads the bucket's."""
_KEY = re.compile(r"music/[^/]+/([^/]+)/([0-9]{6})-([0-9a-f]{64})(\.[a-z0-9]+)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music, or a cover, under its name."""

    name: str
    number: int
    """Counts what has been put under the name, from 1."""
    sha256: str
    suffix: str
    """Of the file it was: `.mp3`."""
    size: int
    """In bytes."""
    key: str

    @property
    def rank(self) -> tuple[int, str]:
        """What tells the newest of a name; of two that came at once everybody takes the same."""
        return self.number, self.sha256


def shelved(store: ObjectStore, account_id: str) -> list[Piece]:
    """Return what an account shares, by name."""
    newest: dict[str, Piece] = {}
    for piece in _every(store, _folder(account_id)):
        known = newest.setdefault(piece.name, piece)
        newest[piece.name] = max(known, piece, key=lambda one: one.rank)
    return [newest[name] for name in sorted(newest)]


def shelve(
    store: ObjectStore, account_id: str, name: str, *, sha256: str, suffix: str, size: int, replace: bool
) -> UploadForm | None:
    """Return the form that puts a file under a name; None where it is there already.

    Raises `Conflict` where another piece has the name and is not to be replaced, and where there are too many.
    """
    every = {piece.name: piece for piece in shelved(store, account_id)}
    known = every.get(name)
    if known is not None and (known.sha256, known.suffix) == (sha256, suffix):
        return None
    if known is not None and not replace:
        raise Conflict(
            f"The bucket has another {name} ({known.suffix[1:]}, {known.size:,} bytes).",
            hint="`--replace` puts this one in its place, for all that name it; `--as` names it otherwise.",
        )
    if known is None and len(every) >= MOST_PIECES:
        raise Conflict(
            f"The bucket has {len(every):,} pieces of music and covers, the most there may be.", hint="Remove some."
        )
    number = known.number + 1 if known else 1
    key = f"{_folder(account_id)}{name}/{number:06d}-{sha256}{suffix}"
    return store.upload_form(key, content_type=CONTENT_TYPE, max_bytes=size)


def remove(store: ObjectStore, account_id: str, name: str) -> None:
    """Remove a name and all that was ever under it; raises `NotFound`."""
    found = [piece for piece in _every(store, _folder(account_id)) if piece.name == name]
    if not found:
        raise NotFound(
            f"There is no music or cover {name} in the bucket.", hint="`callsheet music` lists what there is."
        )
    for piece in found:
        store.delete(piece.key)


def _folder(account_id: str) -> str:
    return f"music/{account_id}/"


def _every(store: ObjectStore, prefix: str) -> Iterator[Piece]:
    return (piece for found in store.list(prefix) if (piece := _piece(found)))


def _piece(found: ObjectInfo) -> Piece | None:
    parts = _KEY.fullmatch(found.key)
    if parts is None:
        return None
    return Piece(parts[1], int(parts[2]), parts[3], parts[4], found.size, found.key)
