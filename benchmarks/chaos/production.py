"""A production of any size: cloned voices, each from a recording of its own, and lines that no other line equals."""

from itertools import cycle
from pathlib import Path

from tests.support.recordings import mp3_bytes, speech_like, tagged
from tests.support.stack import sheet, write_project

SYSTEM_VOICES = ("English_Announcer", "English_Pilot", "English_Surgeon")
WORDS = ("harbour", "lantern", "tide", "ferry", "anchor", "gull", "rope", "storm", "keel", "bell", "mast", "fog")


def write_production(folder: Path, name: str, *, lines: int, clones: int) -> Path:
    """Write a project of `lines` lines, spoken in turn by `clones` cloned voices and by system voices."""
    talents = [f"{name}_{number}" for number in range(clones)]
    sound = mp3_bytes(speech_like(11, 44_100, seed=5))
    cast = [f"production: {name}\nlanguage: en\nlines: lines.csv\nquality: {{check: false}}\ntalents:\n"]
    cast += [
        f"  {talent}:\n    name: {talent}\n    reference: references/{talent}.mp3\n"
        "    consent: {synthetic: true, statement: A made-up voice.}\n"
        for talent in talents
    ]
    cast.append("characters:\n")
    cast += [f"  C_{talent.upper()}: {{voice: {{talent: {talent}}}}}\n" for talent in talents]
    cast += [f"  S_{number}: {{voice: {{system: {voice}}}}}\n" for number, voice in enumerate(SYSTEM_VOICES)]
    speakers = cycle(
        [f"C_{talent.upper()}" for talent in talents] + [f"S_{number}" for number in range(len(SYSTEM_VOICES))]
    )
    rows = [(f"{name}_{number:05}", next(speakers), _text(name, number)) for number in range(lines)]
    recordings = {f"references/{talent}.mp3": tagged(sound, talent) for talent in talents}
    return write_project(folder, "".join(cast), sheet(*rows), recordings)


def _text(name: str, number: int) -> str:
    first, second = WORDS[number % len(WORDS)], WORDS[number // len(WORDS) % len(WORDS)]
    return f"Line {number} of {name} speaks of the {first} and of the {second}."
