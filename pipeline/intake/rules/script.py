"""What scripts have in common: who speaks is told by a cue, and lines have no ids of their own."""

import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.intake.rules.asides import Aside, Asides
from pipeline.intake.rules.decoding import encoding_of
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.saying import SAY_HERE, Spelling, kept
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet, Wanted
from pipeline.intake.rules.speech_text import spoken_text

SCRIPT_BYTES = 2_000_000
"""Twice a long novel: a script is in memory whole."""
MOST_LINES = 200_000
LINE_CHARS = 20_000
"""A paragraph is a line where an editor wraps it; two pages of a book have 5,000 characters."""
SLUG_BYTES = 60
"""Of the scene and of the speaker in a derived id: both and the hash stay within what a file name may have."""
HASH_CHARS = 10
"""Hexadecimal digits: of 10,000 different lines two share theirs once in 20,000 scripts, and are refused then."""
COLUMNS = (
    "id", "character", "text", "direction", "scene", "extension", "section", "chapter", "paragraph", "pause_after",
    SAY_HERE,
)  # fmt: skip
MOST_DIRECTIONS = 10
"""At either end of a line."""
_DIRECTION = re.compile(r"\s*\(([^()]*)\)\s*")
_LAST_DIRECTION = re.compile(r"\(([^()]*)\)\s*\Z")
_PARENTHESES = re.compile(r"\([^()]*\)")
_ADDRESS = re.compile(r"\bhttps?://|\bwww\.\w")
"""What few want to hear; one that is read out on purpose is told of, too."""
_SCRIPT = Places("line", "part")


@dataclass(slots=True)
class Speech:
    """What one speaker says at a stretch; `line` is where it begins. `id` is empty where the script gives none.

    `scene` is the title of its chapter, `section` a deeper heading within. `pause_after` is in seconds, None where
    the script says nothing.
    """

    line: int
    speaker: str
    text: str
    direction: str = ""
    scene: str = ""
    extension: str = ""
    id: str = ""
    section: str = ""
    chapter: int = 0
    paragraph: int = 0
    pause_after: float | None = None
    spellings: tuple[Spelling, ...] = ()

    @property
    def cells(self) -> list[str]:
        """What stands in its columns behind the id."""
        told = [self.speaker, self.text, self.direction, self.scene, self.extension, self.section]
        pause = "" if self.pause_after is None else f"{round(self.pause_after, 3):g}"
        return [*told, str(self.chapter), str(self.paragraph), pause, kept(self.spellings, self.text)]


def read_script(file: BinaryIO, wanted: Wanted) -> tuple[list[str], str]:
    """Return the lines of a script and its encoding; raises `Refusal` where it is too large or no text."""
    size = file.seek(0, io.SEEK_END)
    if size > SCRIPT_BYTES:
        raise Refusal(f"the script has {size} bytes", allowed=f"at most {SCRIPT_BYTES}", hint="split it")
    encoding = encoding_of(file, language=wanted.language, declared=wanted.encoding)
    file.seek(0)
    # Only what ends a line in every editor: str.splitlines would count more of them.
    lines = re.split(r"\r\n?|\n", file.read().decode(encoding))
    if len(lines) > MOST_LINES:
        raise Refusal(f"the script has {len(lines)} lines", allowed=f"at most {MOST_LINES}", hint="split it")
    if long := next((n for n, line in enumerate(lines, 1) if len(line) > LINE_CHARS), None):
        message = f"line {long} has {len(lines[long - 1])} characters"
        raise Refusal(message, allowed=f"at most {LINE_CHARS}", hint="break it into paragraphs")
    return lines, encoding


def sheet_of(
    speeches: Iterable[Speech | BrokenRecord], encoding: str, asides: Asides, *, knows_pauses: bool = True
) -> Sheet:
    """Return a script as a sheet; `asides` are complete when all that is said has been read."""
    notes: list[str] = []
    records = _records(speeches, asides, notes)
    header = Record(1, 1, list(COLUMNS))
    return Sheet(header, records, encoding, _SCRIPT, notes, has_cues=True, knows_pauses=knows_pauses)


def _records(
    speeches: Iterable[Speech | BrokenRecord], asides: Asides, notes: list[str]
) -> Iterator[Record | BrokenRecord]:
    met: Counter[tuple[str, str, str]] = Counter()
    for speech in speeches:
        if isinstance(speech, BrokenRecord):
            yield speech
            continue
        if _PARENTHESES.search(speech.text):
            asides.add(Aside.INSIDE, speech.line)
        if _ADDRESS.search(speech.text):
            asides.add(Aside.ADDRESS, speech.line)
        yield Record(speech.line, speech.line, [speech.id or derived_id(speech, met), *speech.cells])
    notes.extend(asides.told())


def derived_id(speech: Speech, met: Counter[tuple[str, str, str]]) -> str:
    """Return an id from what is said, by whom, and in which scene: scene-speaker-hash.

    It does not depend on where a line stands, so that nothing is renamed where another is put in, taken out or moved
    within its scene. Only of equal lines (same scene, speaker and text) the later ones are counted.
    """
    scene, speaker = slug(speech.section or speech.scene) or "script", slug(speech.speaker) or "nobody"
    said = (scene, speaker, spoken_text(speech.text))
    met[said] += 1
    hashed = hashlib.sha256("\0".join([*said[1:], str(met[said])]).encode(errors="replace")).hexdigest()
    return f"{scene}-{speaker}-{hashed[:HASH_CHARS]}"


def slug(text: str) -> str:
    """Return a text as part of an id: letters and digits of any script in lower case, hyphens between them."""
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in plain).split()
    return "-".join(words).encode()[:SLUG_BYTES].decode(errors="ignore").rstrip("-")


def split_directions(lines: Iterable[str]) -> tuple[str, str]:
    """Take directions in parentheses off both ends of each line; returns the text and them."""
    texts, directions = [], []
    for line in lines:
        text, found = _split_line(line)
        texts.append(text)
        directions.extend(found)
    return "\n".join(texts).strip(), joined(directions)


def _split_line(text: str) -> tuple[str, list[str]]:
    opening: list[str] = []
    closing: list[str] = []
    while len(opening) < MOST_DIRECTIONS and (found := _DIRECTION.match(text)):
        opening.append(found[1].strip())
        text = text[found.end() :]
    while len(closing) < MOST_DIRECTIONS and (found := _LAST_DIRECTION.search(text)):
        closing.insert(0, found[1].strip())
        text = text[: found.start()]
    return text.strip(), [*opening, *closing]


def joined(directions: Iterable[str]) -> str:
    """Return several directions as one."""
    return "; ".join(direction for direction in directions if direction)
