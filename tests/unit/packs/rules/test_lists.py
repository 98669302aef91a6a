"""Checked against what the engines' manuals say of these files; docs/packs.md names the pages."""

import csv
import io
from pathlib import PureWindowsPath
from typing import Any
from xml.etree import ElementTree as ET

from pipeline.packs.rules import lists

ENTRIES: list[dict[str, Any]] = [
    {
        "id": "a_1",
        "character": "MARA",
        "file": "en/O'Mara & co/a_1.wav",
        "text": 'He said "no", twice.\nThen left.',
        "direction": "=tired",
        "extras": {"dialogueasset": "/Game/VO/DW_a_1", "scene": "3"},
    },
    {"id": "a_2", "character": "MARA", "file": "en/MARA/a_2.wav", "text": "-Yes?", "direction": "", "extras": {}},
]


def test_the_list_for_wwise_has_a_root_and_a_source_with_a_path_for_each_file() -> None:
    text = "".join(lists.wwise_list(ENTRIES, 'pack "1"'))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ET.fromstring(text)
    assert (root.tag, root.attrib) == ("ExternalSourcesList", {"SchemaVersion": "1", "Root": 'pack "1"'})
    assert [(source.tag, set(source.attrib)) for source in root] == [("Source", {"Path"})] * 2
    # The manual's examples are Windows paths; the part before the name is repeated below the output folder.
    paths = [PureWindowsPath(source.attrib["Path"]) for source in root]
    assert [path.as_posix() for path in paths] == [entry["file"] for entry in ENTRIES]
    assert not any(path.is_absolute() for path in paths)


def test_the_keys_for_fmod_lead_from_each_line_to_its_file_within_the_table() -> None:
    rows = list(csv.reader("".join(lists.fmod_keys(ENTRIES, "en")).splitlines(), skipinitialspace=True))
    assert rows == [["a_1", "O'Mara & co/a_1.wav"], ["a_2", "MARA/a_2.wav"]]


def test_the_script_for_unreal_has_the_members_of_its_entry_and_the_text_unchanged() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(lists.unreal_script(ENTRIES, "en")))))
    assert tuple(rows[0]) == lists.UNREAL_COLUMNS
    assert rows[0]["SpokenDialogue"] == ENTRIES[0]["text"]
    assert rows[0]["VoiceActorDirection"] == "=tired"
    assert (rows[0]["AudioFileName"], rows[0]["SpeakingVoice"]) == ("O'Mara & co/a_1.wav", "MARA")
    assert (rows[0]["DialogueAsset"], rows[1]["DialogueAsset"]) == ("/Game/VO/DW_a_1", "")
    assert {row["IsRecorded"] for row in rows} == {"True"}
