"""An episode is signed last of all: nothing of its sound, its chapters or its tags is lost, and its figures hold."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.cli.episode import building
from pipeline.cli.episode.building import build_episode
from pipeline.cli.episode.pieces import pieces
from pipeline.cli.episode.progress import BuildProgress
from pipeline.cli.episode.script import Script
from pipeline.cli.submission import LocalProject
from pipeline.provenance import Claim, Signature, Signing, SigningFailed, open_signer, open_verifier
from pipeline.provenance.claim import VerificationState as State
from pipeline.provenance.signing import FileSigner
from pipeline.references.rules import consent_digest
from tests.support import certificates, recordings
from tests.support.certificates import Signer
from tests.support.episodes import decoded, id3_chapters, nero_chapters

SCRIPT = """---
production: harbour-talk
title: Harbour Talk
talents:
  mara:
    name: Mara Quill
    reference: mara.wav
    consent: {granted_by: Mara Quill, granted_on: 2026-01-02, statement: You may.}
characters:
  HOST: {name: Ada, voice: {talent: mara}}
  GUEST: {name: Bo, voice: {system: English_Captain}}
episode: {show: Harbours, narrator: HOST, cover: cover.png}
---

# Harbour Talk

## The tide

Good evening.

## The ferry

GUEST: I do, when the tide lets me.
"""
COVER = Path(__file__).parents[4] / "examples" / "episode" / "cover.png"
FORMATS = ("mp3", "m4b", "opus", "flac", "wav")
ENDINGS = ("mp3", "m4b", "flac", "wav")
"""Of those that hold their manifest."""


class Api:
    """Serves a take of each line."""

    def __init__(self, local: LocalProject) -> None:
        self._takes = {
            line.id: recordings.wav_bytes(recordings.speech_like(1.0, 16_000, seed=number), 16_000)
            for number, line in enumerate(local.project.lines, 1)
        }

    def pages(self, _path: str, _cursor: str) -> Iterator[dict[str, Any]]:
        for line, take in self._takes.items():
            facts = {"said": line, "chars": 20, "cost_micros": 5, "format": "wav", "seconds": 1.0, "take": line}
            yield {"id": line, "key": line, "url": line, "sha256": hashlib.sha256(take).hexdigest(), **facts}

    def download(self, url: str) -> bytes:
        return self._takes[url]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    folder = tmp_path_factory.mktemp("script")
    (folder / "mara.wav").write_bytes(recordings.wav_bytes(recordings.speech_like(1.0, 16_000), 16_000))
    (folder / "cover.png").write_bytes(COVER.read_bytes())
    (folder / "talk.md").write_text(SCRIPT)
    local = LocalProject.read(folder / "talk.md")
    lines = local.project.lines
    return Script(local, "en", pieces(local.project, lines), {line.id: "1" for line in lines})


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return certificates.signer(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def signer(studio: Signer) -> Signing:
    return open_signer(studio.certificate, studio.key)


def built(
    script: Script, folder: Path, signing: Signing | None = None, formats: tuple[str, ...] = FORMATS
) -> dict[str, Any]:
    with BuildProgress() as progress, pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "listen", lambda *_: {})  # when words are said is nothing to a signature
        return build_episode(Api(script.local), script, folder, formats, progress, signing)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def signed(script: Script, signer: Signing, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("signed")
    return folder, built(script, folder, signer)


@pytest.fixture(scope="module")
def plain(script: Script, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("plain")
    return folder, built(script, folder)


def test_all_files_verify_and_say_who_speaks(signed: tuple[Path, Any], script: Script, studio: Signer) -> None:
    folder, told = signed
    for file in told["files"]:
        found = open_verifier(studio.root).verify(folder / file["file"])
        assert (found.state, found.title) == (State.TRUSTED, "Harbour Talk")
        assert [(one["name"], one["voice"], one.get("talent")) for one in found.speakers] == [
            ("Ada", "cloned", "Mara Quill"),
            ("Bo", "system", None),
        ]
        assert found.speakers[0]["consent_sha256"] == consent_digest(script.local.project.talents["mara"])
    assert told["signed"] == {"by": certificates.SUBJECT, "time_stamped": False, "sidecars": ["harbour-talk.c2pa"]}
    assert all(b"Good evening" not in (folder / file["file"]).read_bytes() for file in told["files"])
    assert b"Good evening" not in (folder / "harbour-talk.c2pa").read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_signing_changes_no_sample(signed: tuple[Path, Any], plain: tuple[Path, Any], ending: str) -> None:
    if ending == "m4b":
        before, after = ((folder / "harbour-talk.m4b").read_bytes() for folder, _ in (plain, signed))
        assert _media(before) == _media(after)
        return
    before, after = (decoded(folder / f"harbour-talk.{ending}") for folder, _ in (plain, signed))
    assert before.shape == after.shape
    assert (before == after).all()


@pytest.mark.parametrize("ending", ["mp3", "m4b", "flac"])
def test_the_cover_is_still_seen(signed: tuple[Path, Any], plain: tuple[Path, Any], ending: str) -> None:
    shown = [_cover(folder / f"harbour-talk.{ending}") for folder, _ in (plain, signed)]
    assert len(shown[0]) > 1_000
    assert shown[0] == shown[1]


def test_chapters_and_tags_are_read_back_from_the_signed_files(
    signed: tuple[Path, Any], plain: tuple[Path, Any]
) -> None:
    mp3s = [(folder / "harbour-talk.mp3").read_bytes() for folder, _ in (plain, signed)]
    m4bs = [(folder / "harbour-talk.m4b").read_bytes() for folder, _ in (plain, signed)]
    assert len(id3_chapters(mp3s[1])) == 2
    assert id3_chapters(mp3s[0]) == id3_chapters(mp3s[1])
    assert nero_chapters(m4bs[0]) == nero_chapters(m4bs[1])
    assert all(b"Harbours" in file for file in mp3s + m4bs)


@pytest.mark.parametrize("ending", ["mp3", "m4b", "flac"])
def test_a_tag_that_is_edited_afterwards_breaks_the_signature(
    signed: tuple[Path, Any], tmp_path: Path, ending: str
) -> None:
    edited = tmp_path / f"edited.{ending}"
    edited.write_bytes((signed[0] / f"harbour-talk.{ending}").read_bytes().replace(b"Harbours", b"Airports"))
    assert open_verifier().verify(edited).state is State.TAMPERED


def test_the_opus_is_the_same_with_a_sidecar(signed: tuple[Path, Any], plain: tuple[Path, Any]) -> None:
    assert len({(folder / "harbour-talk.opus").read_bytes() for folder, _ in (plain, signed)}) == 1


def test_sizes_and_hashes_are_those_of_the_signed_files(signed: tuple[Path, Any]) -> None:
    folder, told = signed
    record = json.loads((folder / "harbour-talk.episode.json").read_text())
    for file in told["files"]:
        content = (folder / file["file"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert record["hashes"][file["file"]] == file["sha256"]
    assert "harbour-talk.c2pa" in record["hashes"]
    feed = (folder / "harbour-talk.rss.xml").read_text()
    lengths = [int(size) for size in re.findall(r'length="(\d+)"', feed)]
    assert (folder / "harbour-talk.mp3").stat().st_size in lengths


def test_with_the_size_of_the_unsigned_file_the_record_would_be_wrong(
    script: Script, signer: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = FileSigner.sign

    def forgetful(self: FileSigner, source: Path, target: Path, claim: Claim) -> Signature:
        size = source.stat().st_size
        return replace(sign(self, source, target, claim), size=size)

    monkeypatch.setattr(FileSigner, "sign", forgetful)
    told = built(script, tmp_path, signer, ("mp3",))
    assert told["files"][0]["bytes"] != (tmp_path / "harbour-talk.mp3").stat().st_size


def test_it_stands_for_the_same_signer_alone(
    signed: tuple[Path, Any], script: Script, signer: Signing, tmp_path: Path
) -> None:
    folder, _ = signed
    sound = folder / "harbour-talk.mp3"
    before = sound.read_bytes()
    built(script, folder, signer)
    assert sound.read_bytes() == before
    other = certificates.signer(tmp_path / "other", kind="p384")
    built(script, folder, open_signer(other.certificate, other.key))
    assert sound.read_bytes() != before


def test_an_episode_that_is_not_signed_any_more_has_no_old_manifest(
    script: Script, signer: Signing, tmp_path: Path
) -> None:
    built(script, tmp_path, signer, ("opus",))
    assert (tmp_path / "harbour-talk.c2pa").exists()
    told = built(script, tmp_path, None, ("opus",))
    assert (told["signed"], (tmp_path / "harbour-talk.c2pa").exists()) == (None, False)


def test_what_cannot_be_signed_is_not_delivered_unsigned(
    script: Script, signer: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SigningFailed("the sound could not be signed")

    monkeypatch.setattr(building, "sealed", refuse)
    with pytest.raises(SigningFailed):
        built(script, tmp_path, signer, ("mp3",))
    assert {path.name for path in tmp_path.iterdir()} == {".takes"}


def _cover(path: Path) -> bytes:
    with av.open(path) as file:
        return b"".join(bytes(packet) for packet in file.demux(file.streams.video[0]))


def _media(content: bytes) -> bytes:
    """The sound of an MPEG-4 file, as it is coded."""
    at = content.index(b"mdat")
    return content[at : at + int.from_bytes(content[at - 4 : at]) - 4]
