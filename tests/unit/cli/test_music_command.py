"""What is shared is looked at before it is sent: music is heard, a cover is seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.cli.commands import music as command
from pipeline.errors import UsageError
from tests.support.hostile.seeds import EXAMPLES

COVER = EXAMPLES / "episode" / "cover.png"


class Api:
    """Has everything already."""

    def __init__(self) -> None:
        self.wishes: dict[str, dict[str, Any]] = {}

    def put(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        self.wishes[path] = wish
        return {"present": True, "form": None}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr("pipeline.cli.commands.music.context.client", lambda: api)
    return api


def test_music_and_covers_are_shared_alike(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "Theme.wav", 0.3 * np.sin(np.arange(48_000) / 20), 48_000)
    (tmp_path / "Art.PNG").write_bytes(COVER.read_bytes())
    command.add([tmp_path / "Theme.wav", tmp_path / "Art.PNG"])
    assert {path: wish["suffix"] for path, wish in api.wishes.items()} == {"/music/theme": ".wav", "/music/art": ".png"}
    theme, art = capsys.readouterr().out.splitlines()
    assert theme.startswith("bucket:theme  00:01, -")
    assert art == "bucket:art  a cover, was there already"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("art.png", b"GIF89a", "the cover is no picture that players show"),
        ("theme.wav", b"<html>", "sound|read|decode|audio"),
        ("notes.txt", b"", "no music and no picture"),
    ],
)
def test_what_is_neither_is_not_sent(api: Api, tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=told) as refused:
        command.add([tmp_path / name])
    assert (refused.value.hint != "", api.wishes) == (True, {})


def test_without_the_look_a_page_is_sent_as_a_cover(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "art.png").write_bytes(b"<html>")
    monkeypatch.setattr(command, "read_cover", lambda _path: b"")
    command.add([tmp_path / "art.png"])
    assert list(api.wishes) == ["/music/art"]
