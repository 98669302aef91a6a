"""The lists that engines read beside the files. Each yields text line by line, in the order of the sheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

Entry = Mapping[str, Any]

WWISE_LIST = "ExternalSources.wsources"
FMOD_KEYS = "keys.txt"
UNREAL_SCRIPT = "GameDialogue.csv"
"""The name the Localization Dashboard gives the dialogue script of the target `Game`."""

UNREAL_COLUMNS = (
    *("SpeakingVoice", "TargetVoices", "SpokenDialogue", "VoiceActorDirection", "AudioFileName", "DialogueAsset"),
    *("IsRecorded", "LocalizationKeys", "SpeakingVoiceGUID", "TargetVoiceGUIDs", "DialogueAssetGUID"),
)
"""The members of Unreal's FDialogueScriptEntry, in its order."""


def wwise_list(entries: Iterable[Entry], root: str) -> Iterator[str]:
    """Yield an External Sources List whose paths start from `root`, itself relative to the Wwise project.

    Without `Conversion` the project's default conversion setting holds, without `Destination` the folders are kept.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<ExternalSourcesList SchemaVersion="1" Root="{escape(root)}">\n'
    for entry in entries:
        yield f'\t<Source Path="{escape(entry["file"].replace("/", chr(92)))}" />\n'
    yield "</ExternalSourcesList>\n"


def fmod_keys(entries: Iterable[Entry], home: str) -> Iterator[str]:
    """Yield the keys of a language's audio table: a line's id, and its file as seen from the table's folder."""
    for entry in entries:
        yield f"{entry['id']}, {_within(entry['file'], home)}\n"


def unreal_script(entries: Iterable[Entry], home: str) -> Iterator[str]:
    """Yield a dialogue script; what only the Editor knows comes from columns of the sheet with the members' names.

    Cells are not guarded against being taken for formulas: the engine would take the guard for dialogue.
    """
    yield _row(UNREAL_COLUMNS)
    for entry in entries:
        known = {
            "SpeakingVoice": entry["character"],
            "SpokenDialogue": entry["text"],
            "VoiceActorDirection": entry["direction"],
            "AudioFileName": _within(entry["file"], home),
            "IsRecorded": "True",
        }
        own = {name.casefold(): value for name, value in entry["extras"].items()}
        yield _row(known.get(column) or own.get(column.casefold(), "") for column in UNREAL_COLUMNS)


def _within(file: str, home: str) -> str:
    return file.removeprefix(f"{home}/") if home else file


def _row(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
