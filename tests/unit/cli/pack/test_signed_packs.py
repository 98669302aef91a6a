"""A pack's files are signed in the file or beside it, and only those that have changed are signed again."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.pack import Puller, Sealer, SignMode
from pipeline.cli.pack.sealing import Unsealed
from pipeline.errors import UsageError
from pipeline.packs.rules import Asked, PackFormat
from pipeline.provenance import Signing, SigningFailed, open_signer, open_verifier
from pipeline.provenance.claim import VerificationState as State
from pipeline.provenance.signing import FileSigner
from tests.support import certificates
from tests.support.certificates import Signer
from tests.unit.cli.pack.productions import Api, Json, files, pull, spoken, stamps

WAV, OGG, AS_IS = Asked(format=PackFormat.WAV), Asked(format=PackFormat.OGG), Asked()


class VoicedApi(Api):
    """Knows the voices as well."""

    def __init__(self, *lines: Json) -> None:
        super().__init__(*lines)
        self.asked: list[str] = []

    def get(self, path: str) -> Json:
        self.asked.append(path)
        return {"kind": "cloned", "consent": {"talent": "Jane Roe", "sha256": "ab" * 32, "granted_by": "Jane Roe"}}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return certificates.signer(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def signer(studio: Signer) -> Signing:
    return open_signer(studio.certificate, studio.key)


@pytest.fixture
def api() -> VoicedApi:
    return VoicedApi(spoken(), spoken("a_2"))


def signed(
    api: VoicedApi,
    folder: Path,
    signing: Signing,
    mode: SignMode = SignMode.EMBED,
    asked: Asked = WAV,
    *,
    prune: bool = False,
) -> Json:
    seal = Sealer(api, signing, mode)  # type: ignore[arg-type] # all it asks of the API
    return Puller(api, folder, asked, prune=prune, seal=seal).pull("game")  # type: ignore[arg-type] # same


def entries(folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["lines"]
    return listed


@pytest.mark.parametrize("asked", [WAV, AS_IS])
@pytest.mark.parametrize("mode", SignMode)
def test_each_file_verifies_and_says_whose_voice_it_is(
    tmp_path: Path, api: VoicedApi, studio: Signer, signer: Signing, mode: SignMode, asked: Asked
) -> None:
    told = signed(api, tmp_path, signer, mode, asked)
    assert (told["fetched"], told["signed"], told["beside"], told["failed"]) == (2, mode, [], [])
    for entry in entries(tmp_path):
        found = open_verifier(studio.root).verify(tmp_path / entry["file"])
        assert (found.state, found.title) == (State.TRUSTED, f"game: {entry['key']}")
        (speaker,) = found.speakers
        assert speaker == {"name": "MARA", "voice": "cloned", "talent": "Jane Roe", "consent_sha256": "ab" * 32}
        assert entry["signed"] == ("embedded" if mode is SignMode.EMBED else "sidecar")
    assert api.asked == ["/voices/voice_1"]
    assert not [name for name in files(tmp_path) if name.endswith((".unsigned", ".signed", ".part"))]
    with (tmp_path / "manifest.csv").open(newline="") as table:
        assert {row["signed"] for row in csv.DictReader(table)} == {entries(tmp_path)[0]["signed"]}


def test_beside_its_manifest_a_file_is_what_it_was_to_the_byte(tmp_path: Path, api: VoicedApi, signer: Signing) -> None:
    pull(api, tmp_path / "plain", WAV)
    signed(api, tmp_path / "signed", signer, SignMode.SIDECAR)
    name = "MARA/a_1.wav"
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "signed" / name).read_bytes()
    assert {"MARA/a_1.c2pa", "MARA/a_2.c2pa"} <= files(tmp_path / "signed")


@pytest.mark.parametrize("asked", [WAV, AS_IS])
@pytest.mark.parametrize("mode", SignMode)
def test_what_has_not_changed_is_not_signed_again(
    tmp_path: Path, api: VoicedApi, signer: Signing, mode: SignMode, asked: Asked
) -> None:
    signed(api, tmp_path, signer, mode, asked)
    before = stamps(tmp_path)
    api.lines[1] = spoken("a_2", dbfs=-20.0)
    told = signed(api, tmp_path, signer, mode, asked)
    assert (told["fetched"], told["kept"]) == (1, 1)
    changed = {name for name, stamp in stamps(tmp_path).items() if before[name] != stamp} - {
        *("manifest.json", "manifest.csv")
    }
    assert changed == {"MARA/a_2.wav", *(["MARA/a_2.c2pa"] if mode is SignMode.SIDECAR else [])}


def test_another_certificate_and_no_certificate_write_the_files_anew(
    tmp_path: Path, api: VoicedApi, signer: Signing
) -> None:
    signed(api, tmp_path / "VO", signer)
    other = certificates.signer(tmp_path / "other", kind="p384")
    assert signed(api, tmp_path / "VO", open_signer(other.certificate, other.key))["fetched"] == 2
    told = pull(api, tmp_path / "VO", WAV)
    assert (told["fetched"], told["signed"]) == (2, None)
    assert open_verifier().verify(tmp_path / "VO" / "MARA" / "a_1.wav").state is State.NONE


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"x")])
def test_a_sidecar_that_was_lost_or_edited_is_made_anew(
    tmp_path: Path, api: VoicedApi, signer: Signing, harm: Any
) -> None:
    signed(api, tmp_path, signer, SignMode.SIDECAR)
    harm(tmp_path / "MARA" / "a_1.c2pa")
    assert signed(api, tmp_path, signer, SignMode.SIDECAR)["fetched"] == 1
    assert open_verifier().verify(tmp_path / "MARA" / "a_1.wav").state is State.VALID


def test_a_file_that_cannot_hold_its_manifest_has_it_beside_it_and_is_named(
    tmp_path: Path, api: VoicedApi, signer: Signing
) -> None:
    told = signed(api, tmp_path, signer, asked=OGG)
    assert told["beside"] == ["MARA/a_1.ogg", "MARA/a_2.ogg"]
    assert open_verifier().verify(tmp_path / "MARA" / "a_1.ogg").state is State.VALID


@pytest.mark.parametrize("asked", [WAV, AS_IS])
def test_no_old_manifest_stays_beside_a_file_that_has_none_any_more(
    tmp_path: Path, api: VoicedApi, signer: Signing, asked: Asked
) -> None:
    for again in (lambda: pull(api, tmp_path, asked), lambda: signed(api, tmp_path, signer, asked=asked)):
        signed(api, tmp_path, signer, SignMode.SIDECAR, asked)
        again()
        assert not [name for name in files(tmp_path) if name.endswith(".c2pa")]


def test_without_that_it_would(
    tmp_path: Path, api: VoicedApi, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(api, tmp_path, signer, SignMode.SIDECAR)
    monkeypatch.setattr(Unsealed, "put", lambda _self, _row, target, write: (write(target), {}))
    api.lines[0] = spoken(dbfs=-20.0)
    pull(api, tmp_path, WAV)
    assert open_verifier().verify(tmp_path / "MARA" / "a_1.wav").state is State.TAMPERED


def test_what_nobody_wants_goes_with_its_manifest(tmp_path: Path, api: VoicedApi, signer: Signing) -> None:
    signed(api, tmp_path, signer, SignMode.SIDECAR)
    del api.lines[1]
    assert signed(api, tmp_path, signer, SignMode.SIDECAR, prune=True)["pruned"] == ["MARA/a_2.wav"]
    assert files(tmp_path) == {"MARA/a_1.wav", "MARA/a_1.c2pa", "manifest.json", "manifest.csv"}


def test_two_files_of_one_manifest_are_refused_before_anything_is_written(tmp_path: Path, signer: Signing) -> None:
    api = VoicedApi(spoken(), spoken("a_2", file="MARA/a_2.mp3"))
    with pytest.raises(UsageError, match=r"same\.wav and same\.mp3 would share the manifest same\.c2pa"):
        signed(api, tmp_path / "VO", signer, SignMode.SIDECAR, Asked(name="same.{ext}"))
    assert not (tmp_path / "VO").exists()


def test_a_file_that_cannot_be_signed_is_named_and_holds_nothing_up(
    tmp_path: Path, api: VoicedApi, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = FileSigner.sign

    def fails(self: FileSigner, source: Path, target: Path, *rest: Any, **options: Any) -> Any:
        if target.name == "a_1.wav":
            raise SigningFailed("a_1.wav could not be signed")
        return sign(self, source, target, *rest, **options)

    monkeypatch.setattr(FileSigner, "sign", fails)
    told = signed(api, tmp_path, signer)
    assert [one["message"] for one in told["failed"]] == ["a_1.wav could not be signed"]
    assert files(tmp_path) == {"MARA/a_2.wav", "manifest.json", "manifest.csv"}
