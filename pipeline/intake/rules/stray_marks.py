"""What in the texts of sheets looks like a note to people, and would be spoken like any other word."""

import re
from collections.abc import Iterable, Iterator

from pipeline.intake.rules.pauses import WRITTEN
from pipeline.intake.rules.problems import listed
from pipeline.intake.rules.project import Line

NAMED_LINES = 5
_ASIDE = r"[(\[][^()\[\]]{1,100}[)\]]"
_KINDS = (
    (
        "parentheses at either end",
        "; a direction has a column of its own",
        re.compile(rf"""^[\s"'“‘]*{_ASIDE}|{_ASIDE}[\s.!?"'”’]*$"""),
    ),
    ("markup or a placeholder", "", re.compile(r"</?[A-Za-z][^<>]{0,100}>|\{[^{}]{1,100}\}")),
)


def stray_marks(lines: Iterable[Line]) -> Iterator[str]:
    """Yield a note for each kind, with the lines that have it; a sheet's text is sent as it stands."""
    found: dict[str, list[str]] = {kind: [] for kind, _, _ in _KINDS}
    for line in lines:
        text = WRITTEN.sub(" ", line.text)
        for kind, _, pattern in _KINDS:
            if pattern.search(text):
                found[kind].append(line.id)
    for kind, advice, _ in _KINDS:
        if found[kind]:
            yield f"spoken as it stands: {kind}, in {listed(found[kind], most=NAMED_LINES)}{advice}"
