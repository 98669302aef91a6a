"""A production's takes through the quality gate: told line by line, kept as they come, rejected where asked for."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import typer

from pipeline.cli import hearing
from pipeline.cli.commands import hearing as command
from pipeline.cli.context import context
from pipeline.cli.hearing import Heard, Report
from pipeline.errors import EnvironmentFault, ExitCode, UsageError
from pipeline.quality import Check, CheckName, Expectation, Outcome, Result, Verdict, Voiceprint

Json = dict[str, Any]
VOICE = Voiceprint((0.6, 0.8))
GOOD = Verdict(Outcome.GOOD, "All checks passed.", (), voiceprint=VOICE)
BAD = Verdict(Outcome.BAD, "It is 100 % silence.", (Check(CheckName.SILENCE, Result.FAILED, 1.0, reason="silent"),))


def line(number: int, sound: str = "good", **change: Any) -> Json:
    content = f"{sound} {number}".encode()
    return {
        "id": f"a_{number}",
        "key": f"a_{number}",
        "position": number,
        "character": "MARA",
        "language": "en",
        "text": "Xalthar falls.",
        "said": "ZAL-thar falls.",
        "speed": 1.5,
        "pitch": None,
        "emotion": None,
        "take": f"take_{number}",
        "number": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "voice": "voice_1",
        "format": "mp3",
        "verdict": None,
        "locked": False,
        "url": content.decode(),
        **change,
    }


class Api:
    """Answers as the API does, and notes what it was asked for."""

    def __init__(self, *lines: Json) -> None:
        self.lines = lines
        self.downloads: list[str] = []
        self.posts: list[tuple[str, Json]] = []

    def pages(self, path: str, _cursor: str) -> Iterator[Json]:
        assert path == "/productions/game/pack"
        return iter(self.lines)

    def download(self, url: str) -> bytes:
        self.downloads.append(url)
        return url.encode()

    def post(self, path: str, body: Json) -> Json:
        self.posts.append((path, body))
        return {"data": []}


class Ear:
    """Judges by what the bytes say."""

    expected: ClassVar[list[Expectation]] = []
    _lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def judge(self, spoken: bytes, _format: str, expected: Expectation) -> Verdict:
        with self._lock:
            self.expected.append(expected)
        return GOOD if spoken.startswith(b"good") else BAD


@pytest.fixture(autouse=True)
def ear(monkeypatch: pytest.MonkeyPatch) -> type[Ear]:
    monkeypatch.setattr(hearing, "Ears", Ear)
    monkeypatch.setattr(hearing.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(Ear, "expected", [])
    return Ear


def hear(api: Api, monkeypatch: pytest.MonkeyPatch, *lines: str, **options: Any) -> int:
    """Type the command, and return its exit code."""
    monkeypatch.setattr(type(context), "client", lambda _self: api)
    try:
        command.hear("game", list(lines), **options)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def test_what_is_bad_is_told_with_the_reason_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(line(1), line(2, "silent"), line(3, url=None))
    assert hear(api, monkeypatch, as_json=True) == ExitCode.PARTIAL
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"good": 1, "bad": 1, "unchecked": 0}
    assert [(one["id"], one["outcome"]) for one in told["data"]] == [("a_1", "good"), ("a_2", "bad")]
    assert api.posts == []


def test_what_was_sent_is_what_is_expected_in_the_voice_of_the_good_takes_before(
    monkeypatch: pytest.MonkeyPatch, ear: type[Ear]
) -> None:
    assert hear(Api(line(1), line(2, "silent"), line(3), line(4, voice="voice_2")), monkeypatch) == ExitCode.PARTIAL
    assert {(one.text, one.speed) for one in ear.expected} == {("ZAL-thar falls.", 1.5)}
    assert [one.voice for one in ear.expected] == [(), (VOICE,), (VOICE,), ()]


def test_a_take_whose_pitch_was_changed_is_held_to_no_voice_and_tells_of_none(
    monkeypatch: pytest.MonkeyPatch, ear: type[Ear]
) -> None:
    assert hear(Api(line(1, pitch=4), line(2), line(3, pitch=-2)), monkeypatch) == 0
    assert [one.voice for one in ear.expected] == [(), (), ()]


def test_a_take_with_an_emotion_is_heard_as_an_acted_one(monkeypatch: pytest.MonkeyPatch, ear: type[Ear]) -> None:
    assert hear(Api(line(1), line(2, emotion="angry")), monkeypatch) == 0
    assert [one.acted for one in ear.expected] == [False, True]


def test_a_bad_take_is_rejected_with_its_reason_unless_a_person_has_said_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(line(1, "silent"), line(2, "silent", verdict="approved"), line(3, "silent", locked=True), line(4))
    assert hear(api, monkeypatch, reject=True) == ExitCode.PARTIAL
    (posted,) = api.posts
    assert posted[0] == "/productions/game/verdicts"
    assert posted[1].items() >= {"lines": ["a_1"], "verdict": "rejected", "note": "It is 100 % silence."}.items()
    assert "callsheet retake game a_1" in capsys.readouterr().err


def test_a_bad_take_in_one_language_is_rejected_there_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(line(1), line(2, "silent", id="a_1", key="a_1@de", language="de"))
    assert hear(api, monkeypatch, reject=True) == ExitCode.PARTIAL
    assert [body["lines"] for _, body in api.posts] == [["a_1@de"]]


def test_what_stands_in_the_report_is_not_listened_to_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = tmp_path / "heard.jsonl"
    hear(Api(line(1), line(2, "silent")), monkeypatch, report=report)
    with report.open("a") as rows:
        rows.write('{"id": "a_9", "charac')  # as a power cut leaves it
    again = Api(line(1), line(2, "silent"), line(3))
    assert hear(again, monkeypatch, report=report) == ExitCode.PARTIAL
    assert again.downloads == ["good 3"]
    retaken = Api(line(1), line(2, take="take_2b"))
    assert hear(retaken, monkeypatch, report=report) == 0
    assert retaken.downloads == ["good 2"]


def _row_with(value: str) -> str:
    row = json.dumps(Heard(line(1), BAD).as_dict()) + "\n"
    assert row.count('"value": 1.0') == 1
    return row.replace('"value": 1.0', f'"value": {value}')


@pytest.mark.parametrize(
    "text",
    [
        "the takes are fine",
        "Dear Bram,\nthe takes are fine.\n",
        '{"id": 1}\n',
        _row_with("1" + "0" * 400),
        _row_with("[" * 100_000),
    ],
)
def test_a_file_that_is_no_report_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text(text)
    with pytest.raises(UsageError, match="is no report"):
        hear(Api(line(1)), monkeypatch, report=notes)
    assert notes.read_text() == text


def test_some_lines_and_characters_can_be_chosen_and_a_wrong_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(line(1), line(2, "silent"), line(3, character="BRAM"))
    assert hear(api, monkeypatch, "a_1") == 0
    assert hear(api, monkeypatch, character=["BRAM"]) == 0
    assert api.downloads == ["good 1", "good 3"]
    with pytest.raises(UsageError, match="game has no BRAMM, a_9"):
        hear(api, monkeypatch, "a_9", character=["BRAMM"])


def test_a_take_that_does_not_arrive_whole_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentFault, match="did not arrive whole"):
        hear(Api(line(1, sha256="0" * 64)), monkeypatch)


def test_a_report_keeps_what_was_heard_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "heard.jsonl"
    Report.open(path).keep(Heard(line(1), BAD))
    assert Report.open(path).find(line(1)) == BAD
    assert Report.open(path).find(line(2)) is None
