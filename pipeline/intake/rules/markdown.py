"""Scripts as people write them down: a paragraph a speech, with SPEAKER: in front of it, or none where one narrates."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.intake.rules.asides import Aside, Asides
from pipeline.intake.rules.course import Course
from pipeline.intake.rules.front_matter import end_of_block
from pipeline.intake.rules.inline import FOOTNOTE, BadMark, add_speech_marks, marked_lines
from pipeline.intake.rules.marked import EMPHASIS, before_marks, refuse_marks, written
from pipeline.intake.rules.script import read_script, sheet_of
from pipeline.intake.rules.sheets import Sheet, Wanted
from pipeline.intake.rules.turns import Turn, Turns

SPEAKER_CHARS, SPEAKER_WORDS = 60, 4
"""What is longer in front of a colon is a sentence."""

_E = EMPHASIS
_SPEAKER = re.compile(rf"[\s{_E}]*([^\s:：({_E}][^:：()]*?)[\s{_E}]*(?:\(([^()]*)\)[\s{_E}]*)?(?::(?=\s|$)|：)\s*")
_STRANGER_HINT = r"add the character to the project file; where nobody speaks here, write \: for the colon"
_RULE_MARKS = " \t-–—*_=~#•·⁂"
"""What a line between two parts of a plain text is drawn with: it is seen and not heard."""
_COMMENT = re.compile(r"\s*<!--")
_IN_PARENTHESES = re.compile(r"\s*\([^()]*\)\s*")
_INDENTED = re.compile(r"\t|  ")
_CHAPTER_LEVEL = 2
"""Headings of this level and above are chapters; deeper ones are sections within."""
_BLOCKS = {"fence": Aside.CODE, "table_open": Aside.TABLE, "ordered_list_open": Aside.NUMBERING}


def read_markdown(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a Markdown script (CommonMark, tables); headings of the first two levels are chapters."""
    # Indented dialogue is dialogue; what has to be code has fences.
    parser = MarkdownIt("commonmark").disable("code").enable("table")
    return _read(file, wanted, add_speech_marks(parser, footnotes=True))


def read_text(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a plain script: paragraphs, headings with #, emphasis, pauses and pronunciations are all that is known."""
    parser = MarkdownIt("zero").enable(["heading", "emphasis", "newline"])
    return _read(file, wanted, add_speech_marks(parser, footnotes=False))


def _read(file: BinaryIO, wanted: Wanted, parser: MarkdownIt) -> Sheet:
    lines, encoding = read_script(file, wanted)
    refuse_marks(lines)
    asides = Asides()
    end = end_of_block(lines)
    body = [*[""] * end, *lines[end:]]  # lines keep their numbers
    script = _Script(body, wanted.course, asides)
    sheet = sheet_of(script.read(parser.parse("\n".join(body))), encoding, asides)
    return replace(sheet, stranger_hint=_STRANGER_HINT)


@dataclass
class _Script:
    """Follows the blocks of a script and keeps what is said."""

    lines: Sequence[str]
    course: Course
    asides: Asides
    in_footnote: bool = False
    empty: dict[int, str] = field(default_factory=dict)
    """Chapters that nobody has spoken in so far, by their numbers."""

    def read(self, tokens: Sequence[Token]) -> Iterator[Turn]:
        """Return what is said, and what cannot be."""
        self.course.begin_script()
        self.turns = Turns(self.course, self.asides)
        titles = sum(token.type == "heading_open" and token.tag == "h1" for token in tokens)
        for token, before in zip(tokens, [None, *tokens], strict=False):
            line = token.map[0] + 1 if token.map else 1
            if token.type in _BLOCKS:
                self.asides.add(_BLOCKS[token.type], line)
            elif token.type == "html_block" and not _COMMENT.match(token.content):
                self.asides.add(Aside.TAG, line)
            elif token.type == "inline" and before is not None:
                self._inline(token, before, line, has_title=titles == 1)
        for title in self.empty.values():
            self.asides.add(Aside.EMPTY_CHAPTER, title)
        return iter(self.turns.every)

    def _inline(self, token: Token, before: Token, line: int, *, has_title: bool) -> None:
        if before.type in {"th_open", "td_open"}:
            return
        try:
            said = marked_lines(token, line, self.asides)
        except BadMark as wrong:
            self.turns.refuse(line + wrong.below, wrong)
            return
        if before.type == "heading_open":
            self._heading(" ".join(map(written, said)), int(before.tag[1]), line, has_title=has_title)
        else:
            self._paragraph(said, line)

    def _heading(self, title: str, level: int, line: int, *, has_title: bool) -> None:
        course = self.course
        if level == 1 and has_title and not course.scene:
            course.title = course.title or title
            course.scene = title
        elif level <= _CHAPTER_LEVEL:
            course.begin_chapter(title)
            self.empty[course.chapter] = f"{title} in line {line}"
        else:
            course.section = title

    def _paragraph(self, said: Sequence[str], first: int) -> None:
        source = self.lines[first - 1]
        is_indented = _INDENTED.match(source) is not None
        self.in_footnote = FOOTNOTE.match(source) is not None or (self.in_footnote and is_indented)
        if self.in_footnote:
            self.asides.add(Aside.FOOTNOTE, first)
            return
        spoken = len(self.turns.every)
        said = [line if line.strip(_RULE_MARKS) else "" for line in said]
        self.turns.begin_paragraph()
        cued = [number for number, line in enumerate(said) if _cue(line)]
        self._uncued(said[: cued[0]] if cued else said, first, is_indented=is_indented)
        for start, end in pairwise([*cued, len(said)]):
            self._cued(said[start:end], first + start)
        if len(self.turns.every) > spoken:
            self.empty.pop(self.course.chapter, None)

    def _cued(self, said: Sequence[str], line: int) -> None:
        cue = _cue(said[0])
        if cue is not None:
            speaker = cue[1].replace(EMPHASIS, "").strip()
            self.turns.speak(speaker, [said[0][cue.end() :], *said[1:]], line, (cue[2] or "").strip())

    def _uncued(self, said: Sequence[str], line: int, *, is_indented: bool) -> None:
        """Let somebody speak what no SPEAKER: begins: who spoke last, the narrator, or nobody."""
        text = written("\n".join(said))
        goes_on = self.turns.last_speaker if self.course.is_episode and is_indented else ""
        speaker = goes_on or self.course.narrator
        if not text.strip():
            self.turns.pause(said, line)
        elif _IN_PARENTHESES.fullmatch(text):
            self.asides.add(Aside.PARENTHESES, line)
        elif speaker is None:
            self.asides.add(Aside.UNREAD, line)
        else:
            self.turns.speak(speaker, said, line, is_narration=not goes_on)


def _cue(line: str) -> re.Match[str] | None:
    found = _SPEAKER.match(before_marks(line)[: SPEAKER_CHARS * 4])
    is_name = found and len(found[1]) <= SPEAKER_CHARS and len(found[1].split()) <= SPEAKER_WORDS
    return found if is_name else None
