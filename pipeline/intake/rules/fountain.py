"""Fountain screenplays (fountain.io): who speaks, the parentheticals, the dialogue."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from screenplay_tools.fountain.parser import Parser
from screenplay_tools.screenplay import Character, ElementType

from pipeline.intake.rules.asides import Aside, Asides
from pipeline.intake.rules.course import Course
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.script import Speech, joined, read_script, sheet_of, split_directions
from pipeline.intake.rules.sheets import Sheet, Wanted

_OWN_ID = re.compile(r"[ \t]*\[\[\s*id:\s*([^\]\s]+)\s*\]\]", re.IGNORECASE)
_COMMENTS = (("/*", "*/"), ("[[", "]]"))
_MARKS = re.compile(r"(?<!\\)(\*{1,3}|_)(?=\S)(.{1,500}?)(?<=\S)(?<!\\)\1")
_ESCAPED = re.compile(r"\\([*_\\])")
_BETWEEN = re.compile(r"(\([^()]*\))\s*([^()\s].*?)\s*(\([^()]*\))")
_IN_DIALOGUE = frozenset({ElementType.CHARACTER, ElementType.PARENTHETICAL, ElementType.DIALOGUE})


def read_fountain(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a screenplay; raises `Refusal` where a comment swallows the rest of it."""
    lines, encoding = read_script(file, wanted)
    wanted.course.begin_script()
    ids: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        if own := _OWN_ID.search(line):
            ids[number] = own[1]
    text = _OWN_ID.sub("", "\n".join(lines))
    for opening, closing in _COMMENTS:
        text = _without(text, opening, closing)
    asides = Asides()
    speeches = _speeches(text.split("\n"), ids, wanted.course, asides)
    return sheet_of(speeches, encoding, asides, knows_pauses=False)


def _without(text: str, opening: str, closing: str) -> str:
    """Take comments out; the line breaks inside stay, so that lines keep their numbers."""
    kept: list[str] = []
    end, start = 0, text.find(opening)
    while start >= 0:
        kept.append(text[end:start])
        end = text.find(closing, start + len(opening))
        if end < 0:
            line = text.count("\n", 0, start) + 1
            message = f"{opening} is opened in line {line} and never closed, so the rest would not be read"
            raise Refusal(message, hint=f"close it with {closing}, or delete it")
        end += len(closing)
        kept.append("\n" * text.count("\n", start, end))
        start = text.find(opening, end)
    return "".join([*kept, text[end:]])


@dataclass
class _Script:
    """Collects what is said while the elements of a screenplay come by."""

    course: Course
    heading: str = ""
    """Of a chapter that begins with its first line: sections and scenes without dialogue are none."""
    speaker: str = ""
    extension: str = ""
    id: str = ""
    begun: int = 0
    directions: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def cue(self, cue: Character) -> None:
        self.speaker, self.extension, self.directions = cue.name, cue.extension or "", []
        self.course.paragraph += 1

    def say(self, text: str, line: int) -> None:
        self.begun = self.begun if self.said else line
        self.said.append(text)

    def close(self) -> Iterator[Speech]:
        """Yield what was said since the last time, where it was anything."""
        if not self.said:
            return
        text, direction = split_directions(_unmarked("\n".join(self.said)).split("\n"))
        direction = joined([*self.directions, direction])
        if text:
            yield self._speech(text, direction)
        self.said, self.directions, self.id = [], [], ""

    def _speech(self, text: str, direction: str) -> Speech:
        course = self.course
        if self.heading:
            course.begin_chapter(self.heading)
            self.heading = ""
        return Speech(
            line=self.begun,
            speaker=self.speaker,
            text=text,
            direction=direction,
            scene=course.scene,
            extension=self.extension,
            id=self.id,
            chapter=course.chapter,
            paragraph=course.paragraph,
        )


def _speeches(lines: Sequence[str], ids: dict[int, str], course: Course, asides: Asides) -> Iterator[Speech]:
    script = _Script(course)
    for number, kind, element in _elements(lines):
        if kind is not ElementType.DIALOGUE:
            yield from script.close()
        if kind in {ElementType.HEADING, ElementType.SECTION}:
            script.heading = element.text.strip()
        elif kind is ElementType.ACTION and element.text.strip():
            asides.add(Aside.ACTION, number)
        elif kind is ElementType.CHARACTER:
            script.cue(element)
            script.id = ids.get(number - 1, "")  # a cue is known by the line below it
        elif kind is ElementType.PARENTHETICAL:
            script.directions.append(element.text.strip())
        elif kind is ElementType.DIALOGUE:
            script.say(element.text, number)
        if kind in _IN_DIALOGUE:
            script.id = ids.get(number, script.id)
    yield from script.close()


def _unmarked(text: str) -> str:
    """Take the marks of emphasis off: nobody is to speak an asterisk."""
    before = ""
    while text != before:
        before, text = text, _MARKS.sub(r"\2", text)
    return _ESCAPED.sub(r"\1", text)


def _elements(lines: Sequence[str]) -> Iterator[tuple[int, ElementType, Character]]:
    """Yield each element, and the line with which the parser found it."""
    parser = Parser()
    parser.mergeDialogue = parser.mergeActions = False
    for number, line in enumerate([*lines, ""], 1):
        seen = len(parser.script.elements)
        parser.add_line(_fit(line, lines, number, parser))
        yield from ((number, found.type, found) for found in parser.script.elements[seen:])


def _fit(line: str, lines: Sequence[str], number: int, parser: Parser) -> str:
    """Say in the parser's words what it would not see: beyond A to Z it knows no cues and no forced headings."""
    bare = line.strip()
    last = parser.script.elements[-1].type if parser.script.elements else None
    if parser._pending or last in _IN_DIALOGUE:  # noqa: SLF001 - where a cue waits for the line below it
        line = _fit_dialogue(bare, line)
    if bare[:1].isalpha() and not bare[0].isascii() and _is_cue(bare, lines, number):
        return f"@{bare}"
    if bare.startswith(".") and bare[1:2].isalpha() and not bare[1].isascii():
        return f"# {bare[1:]}"
    return line


def _fit_dialogue(bare: str, line: str) -> str:
    """Let what is sung be spoken, and what is said between two directions be no direction."""
    if bare.startswith("~"):
        return bare[1:].strip()
    if found := _BETWEEN.fullmatch(bare):
        return f"{found[2]} {found[1]} {found[3]}"
    return line


def _is_cue(bare: str, lines: Sequence[str], number: int) -> bool:
    name = bare.partition("(")[0].rstrip(" ^")
    is_followed = number < len(lines) and bool(lines[number].strip())
    return name == name.upper() and is_followed and (number == 1 or not lines[number - 2].strip())
