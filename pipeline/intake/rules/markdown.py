"""Scripts as people write them down: a paragraph a speech, with SPEAKER: in front of it."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.intake.rules.problems import listed
from pipeline.intake.rules.script import Speech, joined, read_script, sheet_of, split_directions
from pipeline.intake.rules.sheets import Sheet, Wanted

SPEAKER_CHARS, SPEAKER_WORDS = 60, 4
"""What is longer in front of a colon is a sentence."""

_SPEAKER = re.compile(r"\s*([^\s:：(][^:：()]*?)\s*(?:\(([^()]*)\)\s*)?(?::(?=\s|$)|：)\s*")
_OWN_ID = re.compile(r"\s*\{#([^\s{}]+)\}\s*$")
_FENCE = "---"


def read_markdown(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a Markdown script (CommonMark); a heading is a scene."""
    # Indented dialogue is dialogue; what has to be code has fences.
    return _read(file, wanted, MarkdownIt("commonmark").disable("code"))


def read_text(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a plain script: paragraphs, headings with # and emphasis are known, and nothing else is taken for a mark."""
    return _read(file, wanted, MarkdownIt("zero").enable(["heading", "emphasis", "newline"]))


def _read(file: BinaryIO, wanted: Wanted, parser: MarkdownIt) -> Sheet:
    lines, encoding = read_script(file, wanted)
    tokens = parser.parse("\n".join(_without_front_matter(lines)))
    notes: list[str] = []
    return sheet_of(_speeches(tokens, notes), encoding, notes)


def _without_front_matter(lines: Sequence[str]) -> list[str]:
    """Blank the block between two lines --- at the top; lines keep their numbers."""
    if lines and lines[0].rstrip() == _FENCE:
        end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), 0)
        return [*[""] * (end + 1), *lines[end + 1 :]] if end else list(lines)
    return list(lines)


def _speeches(tokens: Sequence[Token], notes: list[str]) -> Iterator[Speech]:
    scene, unread = "", []
    for token, before in zip(tokens[1:], tokens, strict=False):
        if token.type != "inline":
            continue
        if before.type == "heading_open":
            scene = " ".join(_lines_of(token))
            continue
        first = token.map[0] + 1 if token.map else 1
        spoken = list(_paragraph(_lines_of(token), first, scene))
        if not spoken or spoken[0].line > first:
            unread.append(str(first))
        yield from spoken
    if unread:
        notes.append(f"not spoken, because no SPEAKER: begins it: the paragraph in line {listed(unread)}")


def _paragraph(lines: Sequence[str], first: int, scene: str) -> Iterator[Speech]:
    """Yield what is said in a paragraph: every line that begins with a speaker begins a speech."""
    cue: re.Match[str] | None = None
    begun, said = first, [""]
    for number, line in enumerate(lines, first):
        if found := _cue(line):
            if cue is not None:
                yield _speech(cue, said, begun, scene)
            cue, begun, said = found, number, [line[found.end() :]]
        else:
            said.append(line)
    if cue is not None:
        yield _speech(cue, said, begun, scene)


def _cue(line: str) -> re.Match[str] | None:
    found = _SPEAKER.match(line[: SPEAKER_CHARS * 4])
    is_name = found and len(found[1]) <= SPEAKER_CHARS and len(found[1].split()) <= SPEAKER_WORDS
    return found if is_name else None


def _speech(cue: re.Match[str], said: Sequence[str], line: int, scene: str) -> Speech:
    own = _OWN_ID.search(said[-1])
    text, direction = split_directions([*said[:-1], said[-1][: own.start()] if own else said[-1]])
    direction = joined([(cue[2] or "").strip(), direction])
    return Speech(line, cue[1], text, direction, scene, id=own[1] if own else "")


def _lines_of(token: Token) -> list[str]:
    """Return the text of a paragraph or heading line by line, without its marks."""
    parts: list[str] = []
    for part in token.children or ():
        if part.type in {"text", "code_inline", "text_special"}:
            parts.append(part.content)
        elif part.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
    return "".join(parts).split("\n")
