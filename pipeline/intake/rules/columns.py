"""Which column of a sheet holds what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.intake.rules.problems import closest, did_you_mean, listed

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "line id", "lineid", "line key", "string id"),
    "character": ("character", "speaker", "role", "character name", "speaker name"),
    "text": ("text", "dialogue", "dialog", "line", "line text", "dialogue text", "spoken text"),
    "direction": ("direction", "directions", "notes", "delivery", "inflection"),
    "speed": ("speed",),
    "pitch": ("pitch",),
    "volume": ("volume",),
    "emotion": ("emotion",),
}
"""What a header may call each column, compared without case, spaces, "_" and "-"; the first one found wins."""

REQUIRED = ("id", "character", "text")
_STRING_TABLE = frozenset({"id", "text", "file", "node", "lock"})
"""What a table of Yarn Spinner has, and none of whose columns names a character."""


@dataclass(frozen=True, slots=True)
class HeaderFault:
    """Something wrong with the header; `name` is the header or the column it is about."""

    name: str
    message: str
    allowed: str
    hint: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, counted from 0. `extras` are the sheet's own columns; `nameless` have no header."""

    titles: Sequence[str]
    known: Mapping[str, int]
    extras: Sequence[tuple[int, str]]
    nameless: Sequence[int]


def find_columns(
    header: Sequence[str], names: Mapping[str, str], ignored: Iterable[str] = ()
) -> tuple[Columns, list[HeaderFault]]:
    """Tell the columns by their headers; `names` maps our word to the sheet's where the project file says so."""
    titles = [title.strip() for title in header]
    faults = [_repeated(title) for title, count in Counter(titles).items() if title and count > 1]
    known: dict[str, int] = {}
    for role in SYNONYMS:
        wanted = (names[role],) if role in names else SYNONYMS[role]
        position = _position(titles, wanted, taken=known.values())
        if position is not None:
            known[role] = position
        elif role in names or role in REQUIRED:
            faults.append(_missing(role, names.get(role), titles))
    own = set(known.values())
    extras = [(n, t) for n, t in enumerate(titles) if t and n not in own and t not in ignored]
    nameless = [n for n, t in enumerate(titles) if not t]
    return Columns(titles, known, extras, nameless), faults


def _position(titles: Sequence[str], wanted: Iterable[str], taken: Iterable[int]) -> int | None:
    taken = set(taken)
    keys = [None if n in taken else _key(title) for n, title in enumerate(titles)]
    return next((keys.index(_key(name)) for name in wanted if _key(name) in keys), None)


def _key(title: str) -> str:
    return "".join(c for c in title.casefold() if c not in " _-")


def _repeated(title: str) -> HeaderFault:
    return HeaderFault(title, "two columns have this header", "", "rename one of them")


def _missing(role: str, mapped: str | None, titles: Sequence[str]) -> HeaderFault:
    there = listed(title for title in titles if title)
    if mapped is not None:
        message = f"the project file says that the {role} is in this column, and there is none"
        return HeaderFault(mapped, message, f"the sheet has {there}", did_you_mean(mapped, titles))
    near = next((found for name in SYNONYMS[role] if (found := closest(name, titles))), None)
    hint = f"did you mean {near}? " if near else ""
    hint = f"{hint}rename it, or name it in the project file: columns: {{{role}: {near or '...'}}}"
    if set(titles) >= _STRING_TABLE:
        hint = "if this is a Yarn Spinner string table, say so in the project file: format: yarn"
    return HeaderFault(role, f"there is no column for the {role}; the sheet has {there}", listed(SYNONYMS[role]), hint)
