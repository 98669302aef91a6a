"""What is said in a script, speaker by speaker: each turn is cut at its pauses."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from pipeline.intake.rules.asides import Aside, Asides
from pipeline.intake.rules.course import Course
from pipeline.intake.rules.marked import EMPHASIS, pieces, resolved, written
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.script import Speech, joined, split_directions
from pipeline.intake.rules.sheets import BrokenRecord
from pipeline.intake.rules.speech_text import can_be_spoken

Turn: TypeAlias = Speech | BrokenRecord

_OWN_ID = re.compile(r"\s*\{#([^\s{}]+)\}\s*$")
_NOTHING_BEFORE = Refusal("there is no line before this pause", hint="delete it; an episode begins with its intro")


class Turns:
    """Collects what is said, in its order."""

    def __init__(self, course: Course, asides: Asides) -> None:
        self.every: list[Turn] = []
        self.last_speaker = ""
        self._course = course
        self._asides = asides
        self._last: Speech | None = None
        self._is_begun = False

    def begin_paragraph(self) -> None:
        """Begin a paragraph; it counts once something is said in it."""
        self._is_begun = False

    def refuse(self, line: int, wrong: Refusal) -> None:
        """Keep what is wrong in a line."""
        allowed = f"; allowed: {wrong.allowed}" if wrong.allowed else ""
        self.every.append(BrokenRecord(line, line, f"{wrong.message}{allowed}", wrong.hint))

    def pause(self, said: Sequence[str], line: int) -> None:
        """Keep the pauses of a paragraph in which nothing else is said."""
        for text, seconds in pieces("\n".join(said)):
            line += text.count("\n")
            if seconds is not None:
                self._pause(seconds, line)

    def speak(
        self, speaker: str, said: Sequence[str], line: int, direction: str = "", *, is_narration: bool = False
    ) -> None:
        """Keep what one speaker says: a speech for each stretch between pauses. Narration has no directions."""
        own = _OWN_ID.search(said[-1])
        whole = "\n".join([*said[:-1], said[-1][: own.start()] if own else said[-1]])
        first, spoken, silent = line, 0, ""
        for text, seconds in pieces(whole):
            if can_be_spoken(written(_without_directions(text, is_narration=is_narration))):
                spoken += 1
                line_id = "" if own is None else own[1] if spoken == 1 else f"{own[1]}-{spoken}"
                begun = line if spoken == 1 else line + _lines_above(text)
                self._keep(self._speech(speaker, silent + text, begun, direction, line_id, is_narration=is_narration))
                silent = ""
            elif spoken:
                self._add_to_last(text)
            else:
                silent += f"{text} "
            line += text.count("\n")
            if seconds is not None:
                self._pause(seconds, line)
        if not spoken:
            line_id = own[1] if own else ""
            self._keep(self._speech(speaker, silent, first, direction, line_id, is_narration=is_narration))

    def _add_to_last(self, marked: str) -> None:
        """Leave what makes no sound, a dash or a direction behind a pause, with the line before it."""
        text, direction = split_directions(written(marked).split("\n"))
        if self._last is not None:
            self._last.text = f"{self._last.text} {text}".strip()
            self._last.direction = joined([self._last.direction, direction])

    def _speech(
        self, speaker: str, marked: str, line: int, direction: str, line_id: str, *, is_narration: bool
    ) -> Speech:
        inner, found = (marked.strip(), "") if is_narration else split_directions(marked.split("\n"))
        if EMPHASIS in inner:
            self._asides.add(Aside.EMPHASIS, line)
        text, spellings = resolved(inner)
        course = self._course
        return Speech(
            line=line,
            speaker=speaker,
            text=text,
            direction=joined([direction, written(found)]),
            scene=course.scene or course.section,
            id=line_id,
            section=course.section,
            chapter=course.chapter,
            spellings=spellings,
        )

    def _keep(self, speech: Speech) -> None:
        if not self._is_begun:
            self._course.paragraph += 1
            self._is_begun = True
        speech.paragraph = self._course.paragraph
        self.every.append(speech)
        self._last, self.last_speaker = speech, speech.speaker

    def _pause(self, seconds: float, line: int) -> None:
        if self._last is None:
            self.refuse(line, _NOTHING_BEFORE)
        else:
            self._last.pause_after = (self._last.pause_after or 0.0) + seconds


def _without_directions(marked: str, *, is_narration: bool) -> str:
    return marked if is_narration else split_directions(marked.split("\n"))[0]


def _lines_above(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")
