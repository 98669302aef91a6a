"""A project from a folder of recordings: one talent and one character for each file."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.intake.rules.names import slugged

SUFFIXES = (".mp3", ".wav", ".m4a")
KEY_CHARS, LABEL_CHARS = 60, 200
LINES = (
    "Hello. This is the first line I have ever spoken here.",
    "The tide is turning, and nobody has told the harbour master.",
    "Keep the lantern dry and the door shut until I come back.",
    "Hello. This is the first line I have ever spoken here.",
)
"""Said by each character; the last repeats the first, so that the plan shows a shared take."""


def from_recordings(name: str, folder: Path, consent: str | None) -> dict[str, str | Path]:
    """Return the files of a project that clones each recording of a folder, by path.

    `consent` names who allows it; without it the permission is left for the user to fill in.
    """
    recordings = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not recordings:
        raise UsageError(
            f"{folder} holds no recording.", hint=f"Put {', '.join(SUFFIXES)} files of 10 s to 5 min there."
        )
    if consent is not None and (not consent.strip() or _label(consent, "") != consent):
        allowed = f"1 to {LABEL_CHARS} printable characters"
        raise UsageError("--consent does not say who allows it.", hint=f"Write the person's name: {allowed}.")
    names = {_key(path, number): path for number, path in enumerate(recordings, start=1)}
    files: dict[str, str | Path] = {"cast.yaml": _cast(name, names, consent), "lines.csv": _sheet(names)}
    return files | {f"references/{key.lower()}{path.suffix.lower()}": path for key, path in names.items()}


def _key(path: Path, number: int) -> str:
    letters = re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_").upper()
    return f"{letters[:KEY_CHARS] or 'VOICE'}_{number:02d}"


def _label(text: str, otherwise: str) -> str:
    """Return of a file's or a folder's name what a label may hold."""
    kept = "".join(c for c in text if c.isprintable() and c != "\N{REPLACEMENT CHARACTER}")
    return kept.strip()[:LABEL_CHARS] or otherwise


def _quoted(text: str) -> str:
    """Write text as YAML: JSON, but for letters beyond 16 bits, which JSON splits and YAML does not put together."""
    return json.dumps(text, ensure_ascii=False)


def _cast(name: str, recordings: dict[str, Path], consent: str | None) -> str:
    production = slugged(name) or "own"
    talents = "".join(_talent(key, path, consent) for key, path in recordings.items())
    characters = "".join(f"  {key}: {{voice: {{talent: {key.lower()}}}}}\n" for key in recordings)
    return (
        f"production: {production}\ntitle: {_quoted(_label(name, production))}\nlanguage: en\n\n"
        f"talents:\n{talents}\ncharacters:\n{characters}\nlines: lines.csv\n"
    )


def _talent(key: str, path: Path, consent: str | None) -> str:
    reference = f"references/{key.lower()}{path.suffix.lower()}"
    head = f"  {key.lower()}:\n    name: {_quoted(_label(path.stem, key))}\n    reference: {reference}\n"
    if consent is None:
        return f"{head}    # consent: {{granted_by: , granted_on: , statement: }}\n"
    today = datetime.now(UTC).date().isoformat()
    return (
        f"{head}    consent:\n      granted_by: {_quoted(consent)}\n      granted_on: {today}\n"
        "      statement: I allow this recording to be cloned and used in this production.\n"
    )


def _sheet(recordings: dict[str, Path]) -> str:
    rows = [
        f"{key.lower()}_{number:02d},{key},{json.dumps(text)}"
        for key in recordings
        for number, text in enumerate(LINES, start=1)
    ]
    return "\n".join(["id,character,text", *rows]) + "\n"
