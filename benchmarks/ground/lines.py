"""Sheets of as many lines as a measure needs, no two alike, spoken by voices the provider has anyway."""

from itertools import cycle
from pathlib import Path

from tests.support.stack import sheet, write_project

VOICES = ("English_Announcer", "English_Pilot", "English_Surgeon")


def text(name: str, number: int) -> str:
    """Return one line, as long as lines of games usually are."""
    return f"Line {number} of {name}: keep the lantern low and wait until the tide has turned."


def write_lines(folder: Path, name: str, count: int) -> Path:
    """Write a project of so many lines and return its project file."""
    speakers = [f"S_{number}" for number in range(len(VOICES))]
    cast = [f"production: {name}\nlanguage: en\nlines: lines.csv\nquality: {{check: false}}\ncharacters:\n"]
    cast += [f"  {speaker}: {{voice: {{system: {voice}}}}}\n" for speaker, voice in zip(speakers, VOICES, strict=True)]
    rows = [
        (f"{name}_{number:06}", speaker, text(name, number))
        for number, speaker in zip(range(count), cycle(speakers), strict=False)
    ]
    return write_project(folder / name, "".join(cast), sheet(*rows))
