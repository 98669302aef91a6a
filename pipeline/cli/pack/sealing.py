"""Signs the files of a pack, in the file or beside it; the last thing that happens to them."""

import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from pipeline.cli.client import Client, segment
from pipeline.cli.pack.keeping import sha256_of
from pipeline.cli.pack.worklist import Row
from pipeline.cli.signing import claim
from pipeline.errors import UsageError
from pipeline.packs.rules import collision_key, manifest
from pipeline.provenance import Signing, Speaker, sidecar_of

Json = dict[str, Any]
T = TypeVar("T")


class SignMode(StrEnum):
    """Where a manifest is put; what cannot hold one has it beside it either way."""

    EMBED = "embed"
    SIDECAR = "sidecar"


class Seal(Protocol):
    """What happens to a file before it is delivered."""

    @property
    def settings(self) -> str:
        """What of it shapes a file."""

    @property
    def signs(self) -> bool:
        """Whether files are signed."""

    def put(self, row: Row, target: Path, write: Callable[[Path], T]) -> tuple[T, Json]:
        """Have a file written; returns what writing it has returned, and what the manifest says of its signature.

        Raises `SigningFailed`, `OSError` and what `write` raises.
        """

    def told(self, entries: Iterable[Json]) -> Json:
        """Return what a pull tells of signing."""


class Unsealed:
    """Signs nothing."""

    settings = ""
    signs = False

    def put(self, row: Row, target: Path, write: Callable[[Path], T]) -> tuple[T, Json]:
        """Have a file written in its place; the manifest that an earlier one had beside it is gone then."""
        result = write(target)
        forget_sidecar(target, row.known)
        return result, dict.fromkeys(manifest.SIGNED)

    def told(self, entries: Iterable[Json]) -> Json:  # noqa: ARG002 - nothing is signed, whatever there is
        """Return that nothing is signed."""
        return {"signed": None, "beside": [], "notes": []}


class Sealer:
    """Signs each file with who is heard in it, as the voice's own record has it."""

    signs = True

    def __init__(self, client: Client, signing: Signing, mode: SignMode) -> None:
        self._client, self._signing, self._mode = client, signing, mode
        self._voices: dict[str, Json] = {}
        self._asking = threading.Lock()

    @property
    def settings(self) -> str:
        """Where the manifest is, and whose it is."""
        return f", signed ({self._mode}) by {self._signing.identity}"

    def put(self, row: Row, target: Path, write: Callable[[Path], T]) -> tuple[T, Json]:
        """Have a file written aside, and sign it into its place."""
        unsigned = target.with_name(f".{target.name}.unsigned")
        claimed = claim(f"{row.line['production']}: {row.line['key']}", [self._speaker(row.line)])
        try:
            result = write(unsigned)
            signed = self._signing.sign(unsigned, target, claimed, embed=self._mode is SignMode.EMBED)
        finally:
            unsigned.unlink(missing_ok=True)
        if signed.sidecar is None:
            forget_sidecar(target, row.known)
        return result, {"sha256": signed.sha256, "signed": signed.place, "sidecar_sha256": signed.sidecar_sha256}

    def told(self, entries: Iterable[Json]) -> Json:
        """Return how files are signed, which have their manifest beside them against the wish, and what went amiss."""
        embedding = self._mode is SignMode.EMBED
        beside = [entry["file"] for entry in entries if embedding and entry.get("signed") == "sidecar"]
        return {"signed": self._mode.value, "beside": beside, "notes": list(self._signing.notes)}

    def _speaker(self, line: Json) -> Speaker:
        with self._asking:
            if line["voice"] not in self._voices:
                self._voices[line["voice"]] = self._client.get(f"/voices/{segment(line['voice'])}")
            voice = self._voices[line["voice"]]
        consent = voice["consent"] or {}
        return Speaker(line["character"], voice["kind"], consent.get("talent", ""), consent.get("sha256", ""))


def stands_beside(target: Path, known: Json) -> bool:
    """Tell whether the manifest that lies beside a file is as it was written, where there was one."""
    noted = known.get("sidecar_sha256")
    return noted is None or noted == sha256_of(sidecar_of(target))


def forget_sidecar(target: Path, known: Json | None) -> None:
    """Delete the manifest beside a file, unless somebody has changed it."""
    sidecar = sidecar_of(target)
    if known and known.get("sidecar_sha256") and known["sidecar_sha256"] == sha256_of(sidecar):
        sidecar.unlink()


def require_own_sidecars(rows: Iterable[Row]) -> None:
    """Raise `UsageError` where two files would have one manifest beside them: it is named without their endings."""
    taken: dict[str, Row] = {}
    for row in rows:
        sidecar = str(sidecar_of(Path(PurePosixPath(row.file))))
        other = taken.setdefault(collision_key(sidecar), row)
        if other is not row:
            raise UsageError(
                f"{other.file} and {row.file} would share the manifest {sidecar}.",
                hint="Choose another --name, so that names differ by more than their endings.",
            )
