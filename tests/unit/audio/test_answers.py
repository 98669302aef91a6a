"""The child has read hostile bytes: what it says is read as carefully as a recording."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.audio import AudioToolFailed, ChildLimits, prepare, prepare_reference
from pipeline.audio.report import report
from tests.support.recordings import speech_like, wav_bytes

WAV = wav_bytes(speech_like(11, 16_000), 16_000)


def failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any) -> AudioToolFailed:
    """What comes of an answer, or of a scratch folder, that the child has `change`d."""

    def run(_module: str, arguments: Sequence[str], scratch: Path, _limits: ChildLimits) -> bytes:
        request = json.loads(arguments[0])
        answer = report(Path(request["source"]), request["container"], request["rules"], scratch)
        changed = change(answer, scratch)
        return changed if isinstance(changed, bytes) else json.dumps(changed).encode()

    monkeypatch.setattr(prepare, "run_bounded", run)
    source, workdir = tmp_path / "reference.wav", tmp_path / "work"
    source.write_bytes(WAV)
    workdir.mkdir()
    with pytest.raises(AudioToolFailed) as caught:
        prepare_reference(source, workdir)
    assert list(workdir.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff",
        b"1",
        b"[]",
        b"null",
        b'"problems"',
        b"{}",
        b'{"problems": 1}',
        b'{"problems": [{}]}',
        b"[" * 50_000,
    ],
)
def test_an_answer_without_sense_is_our_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    assert "no readable answer" in failure(tmp_path, monkeypatch, lambda _answer, _scratch: said).message


@pytest.mark.parametrize("container", ["flac", "../../../etc/passwd", 7, None])
def test_a_container_we_do_not_write_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: object
) -> None:
    def change(answer: dict[str, Any], _scratch: Path) -> dict[str, Any]:
        return answer | {"encoding": answer["encoding"] | {"container": container}}

    assert "no readable answer" in failure(tmp_path, monkeypatch, change).message


def test_figures_that_are_missing_are_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(answer: dict[str, Any], _scratch: Path) -> dict[str, Any]:
        return answer | {"before": {}}

    assert "no readable answer" in failure(tmp_path, monkeypatch, change).message


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("never to be uploaded")

    def change(answer: dict[str, Any], scratch: Path) -> dict[str, Any]:
        written = scratch / f"normalised.{answer['encoding']['container']}"
        written.unlink()
        written.symlink_to(secret)
        return answer

    assert "no readable answer" in failure(tmp_path, monkeypatch, change).message


def test_a_failure_that_the_child_reports_keeps_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure(tmp_path, monkeypatch, lambda _a, _s: {"failed": "could not write wav audio", "hint": "retry"})
    assert (error.message, error.hint) == ("could not write wav audio", "retry")
