"""What is wrong with a submission, said so that its author can put it right."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import InvalidSheet

NO_SUCH_FILE = "there is no such file"
_VALUE_CHARS = 60
_FIELD_CHARS = 1_000
"""Of one field of a problem: a key of a megabyte is shown by its beginning."""
_LOOKUPS, _COMPARISONS = 200, 100_000
"""Closest-name searches a list, and names looked at by all of them: 100,000 misspelt names must not cost minutes."""
_NAME_CHARS = 200
"""No name is longer; comparing two texts takes time that grows with the product of their lengths."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: in which file, where, what stands there, and what may stand there.

    `place` is in the words of the file's own editor ("row 12, column text", "characters.MARA.voice"); `line` is
    the line of the text file, counted from 1, where it is known. It differs from the row of a spreadsheet as soon
    as a cell above holds a line break.
    """

    file: str
    place: str
    value: str
    message: str
    allowed: str = ""
    hint: str = ""
    line: int | None = None


class Refusal(ValueError):
    """A value may not stand where it stands; `allowed` and `hint` go into the problem as they are."""

    def __init__(self, message: str, *, allowed: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.hint = hint


def shorten(value: str) -> str:
    """Return a value fit to be shown on one line: invisible characters escaped, 60 characters at most."""
    return _shown(value, _VALUE_CHARS)


def _shown(text: str, most: int) -> str:
    cut = text[:most]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return f"{cut}…" if len(text) > most else cut


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Return names for an `allowed` field, with the number left out where there are many."""
    every = list(names)
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest


def closest(value: str, choices: Sequence[str]) -> str | None:
    """Return the choice that the author most likely meant, whatever its case."""
    if len(value) > _NAME_CHARS:
        return None
    by_fold = {choice.casefold(): choice for choice in reversed(choices) if len(choice) <= _NAME_CHARS}
    found = difflib.get_close_matches(value.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def did_you_mean(value: str, choices: Sequence[str]) -> str:
    """Return "did you mean X?", or nothing where no choice is close."""
    found = closest(value, choices)
    return f"did you mean {found}?" if found else ""


class Suggestions:
    """`did_you_mean` over one fixed list: remembers its answers, and stops after 200 values or fewer of a long list."""

    def __init__(self, choices: Sequence[str]) -> None:
        self._choices = choices
        self._answers: dict[str, str] = {}
        self._most = min(_LOOKUPS, 1 + _COMPARISONS // max(1, len(choices)))

    def hint(self, value: str) -> str:
        """Return "did you mean X?", or nothing."""
        if value not in self._answers and len(self._answers) < self._most:
            self._answers[value] = did_you_mean(value, self._choices)
        return self._answers.get(value, "")


def invalid_sheet(problems: Sequence[Problem]) -> InvalidSheet:
    """Return the error that carries every problem, as dicts under `data["problems"]`."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    files = listed(dict.fromkeys(problem.file for problem in problems), most=3)
    return InvalidSheet(
        f"{count} in {files}; nothing was started",
        hint="Correct what is listed, then run `callsheet check` again.",
        problems=[_fit_to_show(problem) for problem in problems],
    )


def _fit_to_show(problem: Problem) -> dict[str, Any]:
    """Return a problem as a dict in which nothing that the files hold can break a line, a terminal or an encoding."""
    fields = asdict(problem)
    return {name: _shown(text, _FIELD_CHARS) if isinstance(text, str) else text for name, text in fields.items()}
