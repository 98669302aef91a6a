"""Signs the files of an episode: the last thing that happens to them, since whatever changes them later breaks it."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.audio.mixdown.mastering import Mastered
from pipeline.cli.episode.script import Script
from pipeline.cli.signing import claim
from pipeline.intake.rules import ClonedFrom
from pipeline.packs.rules.episode.publication import Publication
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.provenance import Claim, Signature, Signing, Speaker, media_type, sidecar_of
from pipeline.references.rules import consent_digest

Json = dict[str, Any]
_UNSIGNED = ".unsigned"


@dataclass(frozen=True)
class Seals:
    """Who has signed which files, by their codings; nobody where nothing was to be signed."""

    signer: str = ""
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sidecars(self) -> list[Path]:
        """The manifests that lie beside their files."""
        return [one.sidecar for one in self.signatures.values() if one.sidecar]

    def told(self) -> Json | None:
        """Return it as data; None where nothing is signed."""
        if not self.signatures:
            return None
        stamped = all(one.time_stamped for one in self.signatures.values())
        return {"by": self.signer, "time_stamped": stamped, "sidecars": [path.name for path in self.sidecars]}


@contextmanager
def hidden(folder: Path) -> Iterator[Path]:
    """Offer a place for files that are not signed yet: none of them ever has the name of a signed one."""
    place = folder / _UNSIGNED
    shutil.rmtree(place, ignore_errors=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sealed(mastered: Mastered, folder: Path, claimed: Claim, signing: Signing) -> tuple[Mastered, Seals]:
    """Sign mastered files into a folder; what is told of them is true of the signed ones then.

    Raises `SigningFailed`, and `OSError`.
    """
    signatures, files = {}, {}
    for coding, written in mastered.files.items():
        target = folder / written.path.name
        signatures[coding] = signed = signing.sign(written.path, target, claimed)
        files[coding] = replace(written, path=target, size=signed.size, sha256=signed.sha256)
    return replace(mastered, files=files), Seals(signing.subject, signatures, tuple(signing.notes))


def forget_sidecars(mastered: Mastered) -> None:
    """Remove the manifests of earlier files, where new ones have taken their places unsigned."""
    for written in mastered.files.values():
        if media_type(written.path) is None:
            sidecar_of(written.path).unlink(missing_ok=True)


def claim_of(script: Script, publication: Publication, timeline: Timeline) -> Claim:
    """Return what is claimed of an episode: its title, and everybody who is heard."""
    members = (member for member, _ in publication.speaking(timeline.placed))
    return claim(
        publication.title,
        [
            Speaker(member.name, member.voice.value, member.talent, _consent(script, member.character))
            for member in members
        ],
    )


def _consent(script: Script, character: str) -> str:
    project = script.local.project
    voice = project.characters[character].voice_in(script.language)
    return consent_digest(project.talents[voice.talent]) if isinstance(voice, ClonedFrom) else ""
