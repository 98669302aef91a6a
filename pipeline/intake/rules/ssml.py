"""A small part of SSML (W3C, version 1.1): paragraphs, breaks, voices, and how single words are said.

Everything else is refused by name and place: a mark that is dropped would be a line that does not sound as written.
"""

from collections.abc import Mapping
from typing import BinaryIO
from xml.parsers import expat

from pipeline import wording
from pipeline.intake.rules.asides import Asides
from pipeline.intake.rules.course import Course
from pipeline.intake.rules.inline import say_text
from pipeline.intake.rules.marked import EMPHASIS, has_marks, pause, refuse_marks, said_as, written
from pipeline.intake.rules.pauses import pause_seconds
from pipeline.intake.rules.problems import Refusal, did_you_mean, listed, shorten
from pipeline.intake.rules.script import read_script, sheet_of
from pipeline.intake.rules.sheets import Sheet, Wanted
from pipeline.intake.rules.turns import Turns

BREAKS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 2.0}
"""Seconds of each strength; the standard leaves them to the engine."""
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "speak": frozenset({"version", "xml:lang", "xmlns"}),
    "voice": frozenset({"name"}),
    "p": frozenset(),
    "s": frozenset(),
    "break": frozenset({"time", "strength"}),
    "sub": frozenset({"alias"}),
    "say-as": frozenset({"interpret-as", "format"}),
    "emphasis": frozenset({"level"}),
}
"""The elements that are known, each with what it may say."""
_INSTEAD = {
    "phoneme": 'write <sub alias="...">, or an entry under lexicon',
    "prosody": "give the character a speed, pitch or volume of its own",
    "audio": "music belongs under episode in the project file",
    "lang": "list the text under its own language",
    "mark": "delete it",
}
_NAMELESS = Refusal("no voice says who speaks here", hint='write <voice name="MARA">, or name a narrator under episode')
_NO_CHARACTER = Refusal("a reference stands for no character", hint="delete it")


def read_ssml(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a document; raises `Refusal` where it is not well-formed or holds what no line can be made of."""
    lines, encoding = read_script(file, wanted)
    refuse_marks(lines)
    wanted.course.begin_script()
    document = _Document(wanted.course, wanted.language)
    document.read("\n".join(lines))
    return sheet_of(document.turns.every, encoding, document.asides)


class _Document:
    """Follows a document and keeps what is said, and each mark that is wrong."""

    def __init__(self, course: Course, language: str) -> None:
        self.asides = Asides()
        self.turns = Turns(course, self.asides)
        self._course, self._language = course, language
        self._voices: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._said: list[str] = []
        self._inner: list[str] | None = None
        """What stands in an element that says how it is said."""
        self._begun = 1
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, text: str) -> None:
        """Read a document to its end; raises `Refusal` where it is not well-formed."""
        try:
            self._parser.Parse(text.encode(), True)
        except expat.ExpatError as wrong:
            message = f"this is not well-formed in line {wrong.lineno}: {expat.ErrorString(wrong.code)}"
            raise Refusal(message, hint="write &amp; for & and &lt; for <, and close what is opened") from wrong

    def _doctype(self, *_: object) -> None:
        raise Refusal("the document declares a document type", hint="delete the line that begins with <!DOCTYPE")

    def _refuse(self, wrong: Refusal) -> None:
        self.turns.refuse(self._parser.CurrentLineNumber, wrong)

    def _start(self, name: str, given: dict[str, str]) -> None:
        if has_marks("".join(given.values())):
            self._refuse(_NO_CHARACTER)
            given = {}
        if problem := self._problem(name, given):
            self._refuse(problem)
        if name in {"p", "voice", "speak"}:
            self._flush()
        if name in {"p", "speak"}:
            self.turns.begin_paragraph()
        if name == "voice":
            self._voices.append(given.get("name", ""))
        elif name == "break":
            self._break(given)
        elif name == "emphasis":
            self._said.append(EMPHASIS)
        elif name in {"sub", "say-as"}:
            self._inner = []
        self._open.append((name, given))

    def _problem(self, name: str, given: dict[str, str]) -> Refusal | None:
        """Return what is wrong with an element before anything in it has been read."""
        known = list(ATTRIBUTES)
        if name not in ATTRIBUTES:
            hint = _INSTEAD.get(name) or did_you_mean(name, known)
            return Refusal(f"the element <{name}> is not known", allowed=listed(known), hint=hint)
        if (name == "speak") is bool(self._open):
            return Refusal("a document is one <speak> with all else in it", hint=f"found <{name}> here")
        if self._inner is not None:
            return Refusal(f"<{name}> may not stand within <{self._open[-1][0]}>", hint="close that one first")
        if strange := [key for key in given if key not in ATTRIBUTES[name] and not key.startswith("xmlns")]:
            allowed = listed(sorted(ATTRIBUTES[name])) or "none"
            return Refusal(f"<{name}> has no attribute {strange[0]}", allowed=allowed)
        spoken = given.get("xml:lang", self._language)
        if spoken.partition("-")[0].lower() != self._language.partition("-")[0].lower():
            return Refusal(f"the document is in {spoken} and its sheet in {self._language}", hint="correct one of them")
        return None

    def _end(self, name: str) -> None:
        _, given = self._open.pop()
        if name in {"sub", "say-as"} and self._inner is not None:
            word = " ".join("".join(self._inner).split())
            self._inner = None
            try:
                self._said.append(said_as(word, self._how(name, given, word)))
            except Refusal as wrong:
                self._refuse(wrong)
        elif name == "s":
            self._said.append(" ")
        elif name in {"p", "voice", "speak"}:
            self._flush()
            if name == "voice":
                self._voices.pop()
            else:
                self.turns.begin_paragraph()

    def _how(self, name: str, given: dict[str, str], word: str) -> str:
        """Return how a word is said; raises `Refusal`."""
        if name == "sub":
            return say_text(given.get("alias", ""))
        kind, form = given.get("interpret-as", ""), given.get("format", "")
        if not wording.reads(self._language):
            raise Refusal(f"<say-as> is known in English alone, not in {self._language}", hint="write <sub alias>")
        if kind not in wording.KINDS:
            hint = did_you_mean(kind, list(wording.KINDS))
            raise Refusal(f"interpret-as={kind} is not known", allowed=listed(wording.KINDS), hint=hint)
        try:
            return wording.said_as(kind, word, form)
        except ValueError:
            allowed = f"the order of a day: {listed(wording.ORDERS)}" if kind == "date" else ""
            raise Refusal(f"{shorten(word)} cannot be said as {kind}", allowed=allowed) from None

    def _break(self, given: dict[str, str]) -> None:
        try:
            seconds = pause_seconds(given["time"]) if "time" in given else _strength(given.get("strength", "medium"))
        except Refusal as wrong:
            self._refuse(wrong)
        else:
            if seconds:
                self._said.append(pause(seconds))

    def _text(self, text: str) -> None:
        if has_marks(text):  # by a reference such as &#xFDD0;
            self._refuse(_NO_CHARACTER)
            return
        if self._inner is not None:
            self._inner.append(text)
            return
        if not "".join(self._said).strip():
            above = text[: len(text) - len(text.lstrip())].count("\n")
            self._begun = self._parser.CurrentLineNumber + above
        self._said.append(text)

    def _flush(self) -> None:
        """Keep what has been said so far: who speaks changes, or the paragraph ends."""
        said, self._said = " ".join("".join(self._said).split()), []
        speaker = self._voices[-1] if self._voices else self._course.narrator
        if not written(said).strip():
            self.turns.pause([said], self._begun)
        elif not speaker:
            self.turns.refuse(self._begun, _NAMELESS)
        else:
            self.turns.speak(speaker, [said], self._begun, is_narration=True)


def _strength(name: str) -> float:
    if name not in BREAKS:
        raise Refusal(f"a break has no strength {name}", allowed=listed(BREAKS), hint=did_you_mean(name, list(BREAKS)))
    return BREAKS[name]
