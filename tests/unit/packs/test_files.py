from pathlib import Path
from typing import Any

from pipeline.packs import service as packs
from pipeline.packs.rules import file_name
from pipeline.storage.local import LocalStore


def test_a_file_is_named_by_character_and_line() -> None:
    assert file_name("Old Mara", "intro_010", "speech/acct/ab/abcd.mp3") == "Old Mara/intro_010.mp3"
    assert file_name("MARA", "a.b", "speech/acct/ab/abcd.wav") == "MARA/a.b.wav"


def test_a_spoken_line_has_a_link_and_the_others_have_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.ensure_bucket()
    store.put("speech/take.wav", b"sound", content_type="audio/wav")
    lines: list[dict[str, Any]] = [
        {"id": "a_1", "character": "MARA", "object_key": "speech/take.wav", "state": "done"},
        {"id": "a_2", "character": "MARA", "object_key": None, "state": "failed"},
    ]
    spoken, silent = packs.files(store, lines)
    assert spoken["file"] == "MARA/a_1.wav"
    assert store.fetch(spoken["url"])[0] == b"sound"
    assert (silent["file"], silent["url"], silent["state"]) == (None, None, "failed")
    assert "object_key" not in spoken


def test_a_translation_is_named_after_its_line_and_known_by_its_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.ensure_bucket()
    line = {"id": "a_1@pt-BR", "character": "MARA", "object_key": "speech/take.wav", "language": "pt-BR"}
    [found] = packs.files(store, [line])
    assert (found["id"], found["key"], found["file"]) == ("a_1", "a_1@pt-BR", "MARA/a_1.wav")
