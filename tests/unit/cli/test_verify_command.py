"""`callsheet verify` and `--sign` as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.context import context
from pipeline.errors import ExitCode
from pipeline.provenance import Claim, Speaker, open_signer
from tests.support import certificates, recordings
from tests.support.certificates import Signer
from tests.support.terminal import Terminal
from workers import local

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    """Types a command in a folder of its own, where no stack may be started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "ensure", lambda: pytest.fail("nothing here needs a stack"))
    monkeypatch.setattr(context, "ensure_stack", None)
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal(capsys, monkeypatch, joined=True)


@pytest.fixture
def studio(tmp_path: Path, typed: Typed) -> Signer:
    """A studio that has signed a line, `signed.wav`, beside one that is not, `plain.wav`."""
    assert typed
    made = certificates.signer(tmp_path)
    plain, signed = tmp_path / "plain.wav", tmp_path / "signed.wav"
    plain.write_bytes(recordings.wav_bytes(recordings.speech_like(0.3, 16_000), 16_000))
    claim = Claim("Tide", [Speaker("Ada", "cloned", "Jane Roe", "ab" * 32)], "1")
    open_signer(made.certificate, made.key).sign(plain, signed, claim)
    return made


def test_a_signed_file_tells_who_and_whose(typed: Typed, studio: Signer) -> None:
    code, out, _ = typed("verify", "signed.wav", "--anchor", str(studio.root))
    assert code == ExitCode.OK
    assert all(told in out for told in ("trusted", "Harbour Studio", "Callsheet 1", "Ada, cloned voice of Jane Roe"))


@pytest.mark.parametrize(("options", "state"), [((), "valid"), (("--anchor", "root.pem"), "trusted")])
def test_a_program_reads_the_same(typed: Typed, studio: Signer, options: tuple[str, ...], state: str) -> None:
    assert studio
    code, out, _ = typed("verify", "signed.wav", "--json", *options)
    (told,) = json.loads(out)["files"]
    assert (code, told["file"], told["state"], told["time_stamp"]) == (ExitCode.OK, "signed.wav", state, None)
    assert told["speakers"][0]["consent_sha256"] == "ab" * 32


def test_one_file_that_does_not_hold_makes_it_fail(typed: Typed, studio: Signer, tmp_path: Path) -> None:
    assert studio
    content = bytearray((tmp_path / "signed.wav").read_bytes())
    content[500] ^= 1
    (tmp_path / "edited.wav").write_bytes(content)
    code, out, _ = typed("verify", "signed.wav", "edited.wav", "plain.wav", "--json")
    assert code == ExitCode.PARTIAL
    assert [one["state"] for one in json.loads(out)["files"]] == ["valid", "tampered", "none"]
    assert "assertion.dataHash.mismatch" in typed("verify", "edited.wav")[1]


def test_whom_no_anchor_vouches_for_does_not_pass(typed: Typed, studio: Signer, tmp_path: Path) -> None:
    assert studio
    foreign = tmp_path / "foreign.pem"
    foreign.write_bytes(certificates.foreign_root())
    code, out, _ = typed("verify", "signed.wav", "--anchor", "foreign.pem", "--json")
    assert (code, json.loads(out)["files"][0]["state"]) == (ExitCode.PARTIAL, "valid")


@pytest.mark.parametrize("name", ["gone.wav", ".", "signed.c2pa"])
def test_what_cannot_be_read_is_a_sentence(typed: Typed, studio: Signer, name: str) -> None:
    assert studio
    code, out, err = typed("verify", name)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [("pull", "game", "--sign", "embed"), ("episode", "talk.md", "--sign")])
def test_who_cannot_sign_learns_it_before_anything_is_done(
    typed: Typed, tmp_path: Path, command: tuple[str, ...]
) -> None:
    script = "---\nproduction: talk\ncharacters: {A: {voice: {system: English_Captain}}}\n"
    (tmp_path / "talk.md").write_text(f"{script}episode: {{narrator: A}}\n---\n\n# Talk\n\nHello.\n")
    code, out, err = typed(*command)
    assert (code, out) == (ExitCode.ENVIRONMENT, "")
    assert "CALLSHEET_SIGNING_CERTIFICATE is not set" in err
    assert {path.name for path in tmp_path.iterdir()} == {"talk.md"}
