"""What stands within the lines of a Markdown script: pauses, pronunciations, and marks that are no speech."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from pipeline.intake.rules import values
from pipeline.intake.rules.asides import Aside, Asides
from pipeline.intake.rules.marked import COLON, EMPHASIS, pause, said_as
from pipeline.intake.rules.pauses import pause_seconds
from pipeline.intake.rules.problems import Refusal

SAY_CHARS = 200
FOOTNOTE = re.compile(r" {0,3}\[\^[^\]\s]{1,100}\]:")
"""The beginning of a footnote's text."""

_SAY = re.compile(r"\[([^\[\]]{1,1000})\]\(say:([^()]*)\)")
_PAUSE = re.compile(r"\[pause(?:[ \t]+([^\[\]\n]{0,40}))?\]", re.IGNORECASE)
_MARK = re.compile(r"\[\^[^\]\s]{1,100}\]")
_ASIDES = {
    "link_open": Aside.LINK,
    "image": Aside.IMAGE,
    "code_inline": Aside.CODE_SPOKEN,
    "footnote": Aside.FOOTNOTE,
}


class BadMark(Refusal):
    """A mark within a paragraph is wrong; `below` says how many lines below its first one."""

    def __init__(self, wrong: Refusal, below: int) -> None:
        super().__init__(wrong.message, allowed=wrong.allowed, hint=wrong.hint)
        self.below = below


def add_speech_marks(parser: MarkdownIt, *, footnotes: bool) -> MarkdownIt:
    r"""Let a parser know `[pause 1.5s]`, `[word](say:how)` and `\:`, and what only refers to a footnote."""
    parser.inline.ruler.before("escape", "colon", _colon_rule)
    parser.inline.ruler.before("link", "pause", _pause_rule)
    parser.inline.ruler.before("link", "say", _say_rule)
    if footnotes:
        parser.inline.ruler.before("link", "footnote", _footnote_rule)
    return parser


def _colon_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    if not state.src.startswith("\\:", state.pos):
        return False
    if not silent:
        state.push("colon", "", 0)
    state.pos += 2
    return True


def _pause_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    found = _PAUSE.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("pause", "", 0).content = found[1] or ""
    state.pos = found.end()
    return True


def _say_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    found = _SAY.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        token = state.push("say", "", 0)
        token.content, token.meta = found[1], {"say": found[2]}
    state.pos = found.end()
    return True


def _footnote_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    found = _MARK.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("footnote", "", 0)
    state.pos = found.end()
    return True


def marked_lines(token: Token, first: int, asides: Asides) -> list[str]:
    """Return what is said in a paragraph or heading line by line, with marks in it; raises `BadMark`.

    What is no speech is left out and noted; `first` is the line where the paragraph begins.
    """
    parts: list[str] = []
    below = 0
    for part in token.children or ():
        if part.type in {"softbreak", "hardbreak"}:
            below += 1
            parts.append("\n")
            continue
        if part.type in _ASIDES and part.markup != "autolink":
            asides.add(_ASIDES[part.type], first + below)
        elif part.type == "html_inline" and not part.content.startswith("<!--"):
            asides.add(Aside.TAG, first + below)
        try:
            parts.append(_marked(part))
        except Refusal as wrong:
            raise BadMark(wrong, below) from wrong
    return "".join(parts).split("\n")


def _marked(part: Token) -> str:
    match part.type:
        case "text" | "text_special" | "code_inline":
            return part.content
        case "colon":
            return COLON
        case "em_open" | "strong_open":
            return EMPHASIS
        case "pause":
            return pause(pause_seconds(part.content))
        case "say":
            return said_as(" ".join(part.content.split()), say_text(part.meta["say"]))
    return ""


def say_text(text: str) -> str:
    """Accept how a word is said; raises `Refusal`."""
    if len(text) > SAY_CHARS:
        raise Refusal(f"the pronunciation has {len(text)} characters", allowed=f"at most {SAY_CHARS}")
    return values.spoken(text)
