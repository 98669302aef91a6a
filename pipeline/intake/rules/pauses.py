"""Pauses within the text of a line: `[pause 1.5s]`, or `<#1.5#>` as MiniMax writes it, which is what a take keeps.

None is ever sent: what stands between two of them is spoken apart, and joined with silence of that length.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.intake.rules.episode_section import LONGEST_PAUSE, amount
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.speech_text import can_be_spoken, split_text

PAUSE_SECONDS = 1.0
"""Of `[pause]` alone."""
MOST_PAUSES = 20
"""Of one line: each is one more call."""
PAUSE_ALLOWED = f"a number from 0 to {LONGEST_PAUSE:g} (s)"
WRITTEN = re.compile(r"\[\s*pause\b([^\[\]]*)\]|<#([^<>#]{0,40})#>", re.IGNORECASE)
_SENT = re.compile(r"<#\s*([0-9]+(?:\.[0-9]+)?)\s*#>")
_NOTE = "what people are to know belongs into the direction"


class Pause(NamedTuple):
    """A pause in a text: where it stands, and how a take keeps it."""

    start: int
    end: int
    kept: str


class Part(NamedTuple):
    """What is spoken in one call; `pause` in seconds follows it, None where it goes on as if nothing were cut."""

    text: str
    pause: float | None = None


def pause_seconds(text: str) -> float:
    """Accept the length of a pause: `1.5s`, `1.5`, `800ms`, or nothing for a second. Raises `Refusal`."""
    plain = text.strip().lower()
    if not plain:
        return PAUSE_SECONDS
    if plain.endswith("ms"):
        return amount(plain, "ms", 0.0, LONGEST_PAUSE * 1000) / 1000
    return amount(plain, "s", 0.0, LONGEST_PAUSE)


def pause_after(text: str) -> float:
    """Accept how long a line is followed by silence, in seconds; a decimal comma is a point. Raises `Refusal`."""
    plain = text.strip().lower().replace(",", ".")
    try:
        return pause_seconds(plain or "0")
    except Refusal as wrong:
        hint = f"{_NOTE}, or into a column of another name"
        raise Refusal("this is no pause", allowed=PAUSE_ALLOWED, hint=hint) from wrong


def as_seconds(seconds: float) -> str:
    """Return seconds as they are written, to the millisecond."""
    return f"{round(seconds, 3):g}"


def has_pauses(text: str) -> bool:
    """Tell whether a text holds what looks like a pause."""
    return ("[" in text or "<#" in text) and WRITTEN.search(text) is not None


def pauses(text: str) -> Iterator[Pause]:
    """Yield the pauses of a text that was accepted."""
    for found in WRITTEN.finditer(text):
        # As MiniMax writes it, it was sent so before: it stays, and so does the fingerprint.
        kept = found[0] if found[1] is None else f" <#{as_seconds(_asked(found[1]))}#> "
        yield Pause(found.start(), found.end(), kept)


def require_pauses(text: str) -> None:
    """Raise `Refusal` where a pause of a text has no length, stands at its edge or beside another, or is too much."""
    found = list(WRITTEN.finditer(text))
    seconds = sum(map(_length, found))
    edges = [0, *(edge for one in found for edge in one.span()), len(text)]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if not can_be_spoken(text[start:end]):
            raise Refusal(
                "a pause stands between words, and one of these has none before or behind it",
                hint="the column pause_after says what follows a line; two pauses in a row are one that is longer",
            )
    if len(found) > MOST_PAUSES:
        raise Refusal(f"the line has {len(found)} pauses", allowed=f"at most {MOST_PAUSES}", hint="cut it in two lines")
    if seconds > LONGEST_PAUSE:
        allowed = f"at most {LONGEST_PAUSE:g} s"
        raise Refusal(f"its pauses last {seconds:g} seconds together", allowed=allowed, hint="cut it in two lines")


def _length(found: re.Match[str]) -> float:
    if found[1] is None:
        if not _SENT.fullmatch(found[0]):
            raise Refusal(f"{found[0]} is no pause", allowed=PAUSE_ALLOWED, hint="write [pause 1.5s]")
        return pause_seconds(found[2])
    try:
        return _asked(found[1])
    except Refusal as wrong:
        hint = f"write [pause 1.5s]; {_NOTE}"
        raise Refusal(f"{found[0]} is no pause: {wrong.message}", allowed=wrong.allowed, hint=hint) from wrong


def _asked(text: str) -> float:
    return pause_seconds(text.lstrip(" :="))


def parts(sent: str, limit: int) -> list[Part]:
    """Cut the text of a take into what is spoken in one call each, at its pauses and within `limit` characters."""
    cut = _SENT.split(sent)
    found: list[Part] = []
    for said, seconds in zip(cut[::2], [*cut[1::2], None], strict=True):
        pieces = split_text(said, limit)
        found += map(Part, pieces)
        if pieces and seconds is not None:
            found[-1] = Part(pieces[-1], float(seconds))
    return [*found[:-1], Part(found[-1].text)] if found else []


def spoken_chars(sent: str, count: Callable[[str], int] = len) -> int:
    """Count the characters of a take that a provider is sent, as it counts them: pauses are none of them."""
    return sum(map(count, map(str.strip, _SENT.split(sent)[::2]))) if "<#" in sent else count(sent)
