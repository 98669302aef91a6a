"""What is remembered of a built episode: as long as it is made of the same and nobody touched its files, it stands."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.cli.disk import write_whole
from pipeline.cli.episode.takes import StoredTake
from pipeline.cli.pack.keeping import sha256_of
from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.timeline import Piece

Json = dict[str, Any]
_OWN_HASH = "sha256"
"""Of all else in the record: one that was edited, or not written whole, is no record."""


def made_of(
    pieces: Iterable[Piece],
    takes: Mapping[str, StoredTake],
    episode: Episode,
    folder: Path,
    *facts: object,
) -> str:
    """Return one hash of all that shapes an episode; its music and its cover lie inside `folder`."""
    spoken = [[asdict(piece), _take(takes.get(piece.line_id))] for piece in pieces]
    files = {name: sha256_of(folder / name) for name in episode.files}
    told = [metadata.version("callsheet"), spoken, asdict(episode), files, facts]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def standing(path: Path, made: str) -> Json | None:
    """Return what was remembered, where all of it stands as it was written, the record itself included."""
    try:
        record: Json = json.loads(path.read_bytes())
        stands = (
            record.pop(_OWN_HASH) == _hash(record)
            and record["made_of"] == made
            and all(sha256_of(path.parent / name) == digest for name, digest in record["hashes"].items())
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return record if stands else None


def left_behind(path: Path, files: Sequence[Path]) -> list[str]:
    """Return files that were remembered, are not among those written now, and lie there still."""
    try:
        record: Json = json.loads(path.read_bytes())
        known = [str(name) for name in (*record["hashes"], *record.get("left", ()))]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
    written = {file.name for file in files}
    # Files of its folder alone: a record may have been edited.
    return [name for name in known if name not in written and Path(name).name == name and (path.parent / name).exists()]


def left_notes(folder: Path, left: Iterable[str]) -> list[str]:
    """Say which files of earlier episodes lie there still: nothing deletes what a person may want."""
    there = [name for name in left if (folder / name).exists()]
    return [f"of an earlier episode, and not built anew: {', '.join(there)}"] if there else []


def remember(path: Path, made: str, told: Json, files: Sequence[Path]) -> None:
    """Write down what was built."""
    hashes = {file.name: sha256_of(file) for file in files}
    record = {**told, "made_of": made, "hashes": hashes}
    whole = {**record, _OWN_HASH: _hash(record)}
    write_whole(path, json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n")


def _hash(record: Json) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _take(take: StoredTake | None) -> list[object] | None:
    return None if take is None else [take.row[name] for name in ("sha256", "said", "cost_micros")]
