"""Files are signed with certificates of nobody, and read back: what holds, what does not, and whom one may trust."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import c2pa
import pytest
import soundfile

from pipeline.errors import EnvironmentFault, UsageError
from pipeline.provenance import Claim, Signing, SigningFailed, Speaker, open_signer, open_verifier, sidecar_of, signing
from pipeline.provenance.claim import VerificationState as State
from tests.support import certificates, recordings
from tests.support.certificates import Signer

CLAIM = Claim("Harbour: intro_010", [Speaker("Mara", "cloned", "Jane Roe", "ab" * 32), Speaker("Bo", "system")], "1.2")
CODINGS = {
    "line.wav": ("WAV", "PCM_16"),
    "line.flac": ("FLAC", "PCM_16"),
    "line.mp3": ("MP3", "MPEG_LAYER_III"),
    "line.ogg": ("OGG", "VORBIS"),
    "line.opus": ("OGG", "OPUS"),
}
EMBEDDING = ("line.wav", "line.flac", "line.mp3")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return certificates.signer(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def signer(studio: Signer) -> Signing:
    return open_signer(studio.certificate, studio.key)


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def recorded(folder: Path, name: str) -> Path:
    coding, subtype = CODINGS[name]
    soundfile.write(folder / name, recordings.speech_like(0.4, 48_000), 48_000, format=coding, subtype=subtype)
    return folder / name


@pytest.mark.parametrize("name", EMBEDDING)
def test_a_file_holds_its_manifest_and_sounds_as_before(
    tmp_path: Path, studio: Signer, signer: Signing, name: str
) -> None:
    path = recorded(tmp_path, name)
    before, size = soundfile.read(path)[0], path.stat().st_size
    signed = signer.sign(path, path, CLAIM)
    assert (signed.place, signed.sidecar, signed.size) == ("embedded", None, path.stat().st_size)
    assert 3_000 < signed.size - size < 4_500
    assert (soundfile.read(path)[0] == before).all()
    told = open_verifier(studio.root).verify(path)
    assert (told.state, told.signer, told.title) == (State.TRUSTED, certificates.SUBJECT, "Harbour: intro_010")
    assert (told.program, told.source_type) == ("Callsheet 1.2", "trainedAlgorithmicMedia")
    assert told.speakers == (
        {"name": "Mara", "voice": "cloned", "talent": "Jane Roe", "consent_sha256": "ab" * 32},
        {"name": "Bo", "voice": "system"},
    )


@pytest.mark.parametrize("name", CODINGS)
def test_a_sidecar_leaves_the_file_as_it_is_to_the_byte(
    tmp_path: Path, studio: Signer, signer: Signing, name: str
) -> None:
    path = recorded(tmp_path, name)
    before = path.read_bytes()
    signed = signer.sign(path, path, CLAIM, embed=False)
    assert (path.read_bytes(), signed.sidecar, signed.place) == (before, tmp_path / "line.c2pa", "sidecar")
    assert open_verifier(studio.root).verify(path).state is State.TRUSTED
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    assert open_verifier(studio.root).verify(path).state is State.TAMPERED


@pytest.mark.parametrize(("name", "media_type"), [("line.flac", "audio/flac"), ("line.mp3", "audio/mpeg")])
def test_without_being_hashed_whole_a_file_would_not_fit_its_sidecar(
    tmp_path: Path, signer: Signing, monkeypatch: pytest.MonkeyPatch, name: str, media_type: str
) -> None:
    monkeypatch.setattr(signing, "_ANY_BYTES", media_type)
    source, target = recorded(tmp_path, name), tmp_path / f"copy-{name}"
    whole = source.read_bytes()
    signer.sign(source, target, CLAIM, embed=False)
    target.write_bytes(whole)
    assert open_verifier().verify(target).state is State.TAMPERED


@pytest.mark.parametrize("name", ["line.ogg", "line.opus"])
def test_what_cannot_hold_a_manifest_has_it_beside_it(tmp_path: Path, signer: Signing, name: str) -> None:
    path = recorded(tmp_path, name)
    assert signer.sign(path, path, CLAIM).sidecar == sidecar_of(path)
    assert open_verifier().verify(path).place == "sidecar"


def test_who_is_not_vouched_for_is_valid_and_not_trusted(tmp_path: Path, signer: Signing) -> None:
    path = recorded(tmp_path, "line.wav")
    signer.sign(path, path, CLAIM)
    found = open_verifier().verify(path)
    assert (found.state, found.why) == (State.VALID, ())


@pytest.mark.parametrize(("name", "at"), [("line.wav", 2_000), ("line.flac", -500), ("line.mp3", -500)])
def test_a_changed_byte_of_the_sound_is_told(
    tmp_path: Path, studio: Signer, signer: Signing, name: str, at: int
) -> None:
    path = recorded(tmp_path, name)
    signer.sign(path, path, CLAIM)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert open_verifier(studio.root).verify(path).state is State.TAMPERED


def test_a_damaged_sidecar_is_told(tmp_path: Path, signer: Signing) -> None:
    path = recorded(tmp_path, "line.opus")
    signer.sign(path, path, CLAIM)
    sidecar_of(path).write_bytes(b"not a manifest")
    assert open_verifier().verify(path).state is State.TAMPERED


@pytest.mark.parametrize("name", ["line.wav", "line.opus"])
def test_a_file_without_a_manifest_has_none(tmp_path: Path, name: str) -> None:
    assert open_verifier().verify(recorded(tmp_path, name)).state is State.NONE


def test_no_word_of_the_script_is_claimed() -> None:
    assert set(CLAIM.definition()) == {"claim_generator_info", "title", "assertions"}
    told = json.dumps(CLAIM.definition())
    assert "text" not in told
    assert "consent_sha256" in told


@pytest.mark.parametrize("kind", ["p384", "ed25519", "rsa"])
def test_every_kind_of_key_that_c2pa_allows_signs(tmp_path: Path, kind: str) -> None:
    studio = certificates.signer(tmp_path, kind=kind)
    path = recorded(tmp_path, "line.wav")
    open_signer(studio.certificate, studio.key).sign(path, path, CLAIM)
    assert open_verifier(studio.root).verify(path).state is State.TRUSTED


def test_a_file_that_cannot_be_signed_is_told_and_leaves_nothing(tmp_path: Path, signer: Signing) -> None:
    (tmp_path / "line.wav").write_bytes(b"no sound at all")
    with pytest.raises(SigningFailed, match=r"line\.wav could not be signed"):
        signer.sign(tmp_path / "line.wav", tmp_path / "out.wav", CLAIM)
    assert [path.name for path in tmp_path.iterdir()] == ["line.wav"]


def test_what_does_not_fit_into_memory_is_told_and_not_tried(
    tmp_path: Path, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded(tmp_path, "line.wav")
    monkeypatch.setattr(signing.psutil, "virtual_memory", lambda: SimpleNamespace(available=path.stat().st_size))
    with pytest.raises(SigningFailed, match=r"line\.wav needs 0\.0 GB of memory") as told:
        signer.sign(path, path, CLAIM)
    assert "FLAC" in told.value.hint


def test_who_stamps_no_time_holds_nothing_up(tmp_path: Path, studio: Signer, dead_port: int) -> None:
    url = f"http://127.0.0.1:{dead_port}/tsa"
    signer = open_signer(studio.certificate, studio.key, url)
    path = recorded(tmp_path, "line.wav")
    assert not signer.sign(path, path, CLAIM).time_stamped
    assert len(signer.notes) == 1
    assert url in signer.notes[0]
    assert url in signer.identity
    assert open_verifier(studio.root).verify(path).time_stamp is None


def test_without_giving_up_the_stamp_nothing_would_be_signed(
    studio: Signer, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = signing.FileSigner._attempt
    url = f"http://127.0.0.1:{dead_port}/tsa"
    monkeypatch.setattr(signing.FileSigner, "_attempt", lambda self, work, _url: alone(self, work, url))
    with pytest.raises(EnvironmentFault, match="Nothing can be signed"):
        open_signer(studio.certificate, studio.key, url)


WRONG = {
    "expired": (r"expired on 20\d\d-", {"ends_in_days": -1}),
    "of a kind that C2PA does not allow": ("of a kind that C2PA does not allow", {"kind": "k256"}),
    "not made for signing": ("Nothing can be signed with the certificate of Harbour Studio", {"usable": False}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_certificate_that_does_not_do_is_told_before_anything_is_signed(tmp_path: Path, case: str) -> None:
    message, change = WRONG[case]
    studio = certificates.signer(tmp_path, **change)
    with pytest.raises(EnvironmentFault, match=message) as told:
        open_signer(studio.certificate, studio.key)
    assert told.value.hint


def test_a_key_of_somebody_else_is_told(tmp_path: Path, studio: Signer) -> None:
    other = certificates.signer(tmp_path, kind="p384")
    with pytest.raises(EnvironmentFault, match=r"is not that of the first certificate in .*Harbour Studio"):
        open_signer(studio.certificate, other.key)


def test_a_locked_key_a_broken_one_and_none_are_told_without_a_word_of_it(tmp_path: Path, studio: Signer) -> None:
    locked, broken = tmp_path / "locked.pem", tmp_path / "broken.pem"
    locked.write_bytes(certificates.pem(certificates.key("p256"), b"secret"))
    broken.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    told = []
    for path in (locked, broken, tmp_path / "gone.pem", tmp_path):
        with pytest.raises(EnvironmentFault) as wrong:
            open_signer(studio.certificate, path)
        told.append(wrong.value.message)
    assert ["is encrypted" in told[0], "no private key" in told[1]] == [True, True]
    assert ["No such file" in told[2], "Is a directory" in told[3]] == [True, True]
    assert "c2VjcmV0" not in " ".join(told)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    studio = certificates.signer(tmp_path)
    studio.key.chmod(0)
    with pytest.raises(EnvironmentFault, match="Permission denied"):
        open_signer(studio.certificate, studio.key)


def test_the_key_shows_nowhere(studio: Signer, signer: Signing) -> None:
    secret = studio.key.read_text().splitlines()[1]
    assert secret not in repr(vars(signer))
    assert secret not in signer.identity


def test_a_chain_that_is_none_is_told(tmp_path: Path, studio: Signer) -> None:
    with pytest.raises(EnvironmentFault, match="holds no certificate"):
        open_signer(studio.key, studio.key)
    with pytest.raises(UsageError, match="holds no certificate"):
        open_verifier(studio.key)
    with pytest.raises(UsageError, match="cannot be read"):
        open_verifier(tmp_path / "gone.pem")


@pytest.mark.parametrize("unset", ["CERTIFICATE", "KEY"])
def test_a_setting_that_is_missing_is_named(studio: Signer, unset: str) -> None:
    given = {"CERTIFICATE": studio.certificate, "KEY": studio.key} | {unset: None}
    with pytest.raises(EnvironmentFault, match=f"CALLSHEET_SIGNING_{unset} is not set"):
        open_signer(given["CERTIFICATE"], given["KEY"])


@pytest.mark.parametrize("library", ["c2pa", "cryptography.x509"])
def test_without_the_extra_the_line_that_installs_it_is_told(
    studio: Signer, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for attempt in (lambda: open_signer(studio.certificate, studio.key), open_verifier):
        with pytest.raises(EnvironmentFault, match="provenance") as told:
            attempt()
        assert "pip install 'callsheet[provenance]'" in told.value.hint


def test_reading_asks_nobody_on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, dict[str, bool]]] = []
    whole = c2pa.Context.from_dict
    monkeypatch.setattr(c2pa.Context, "from_dict", lambda given: asked.append(given) or whole(given))
    open_verifier()
    assert asked == [{"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}]
