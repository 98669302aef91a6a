"""Each take is listened to once for its words, however many lines share it."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.episode import words
from pipeline.cli.episode.takes import StoredTake
from pipeline.intake.rules import Project, read_project
from pipeline.quality.word_times import WordTime

PROJECT = "production: talk\ncharacters:\n  ADA: {name: Ada, voice: {system: English_Presenter}}\nlines: lines.csv\n"
LINES = "id,character,text\na,ADA,Bye.\nb,ADA,Bye.\nc,ADA,Hello.\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "cast.yaml").write_text(PROJECT)
    (tmp_path / "lines.csv").write_text(LINES)
    return read_project("cast.yaml", lambda path: tmp_path / path)


def test_lines_that_are_alike_are_listened_to_once_and_all_get_their_words(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def word_times(_ears: object, _audio: bytes, _format: str, text: str, *_: Any, **_more: Any) -> Any:
        heard.append(text)
        return (WordTime(text, 0.0, 0.5),)

    monkeypatch.setattr(words, "word_times", word_times)
    row = {"format": "wav", "language": "en", "speed": None}
    takes = {line: StoredTake(tmp_path / f"{sound}.wav", row) for line, sound in (("a", "x"), ("b", "x"), ("c", "y"))}
    for take in takes.values():
        take.path.write_bytes(b"sound")
    found = words.listen(project, project.lines, takes, lambda *_: None)
    assert sorted(heard) == ["Bye.", "Hello."]
    assert {line: [word.text for word in times or ()] for line, times in found.items()} == {
        "a": ["Bye."],
        "b": ["Bye."],
        "c": ["Hello."],
    }
