"""Which column of a sheet holds what."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.intake.rules import values
from pipeline.intake.rules.languages import MARK, ONE_LANGUAGE, Languages, headers, unlisted
from pipeline.intake.rules.problems import closest, did_you_mean, listed

PAUSE_AFTER = "pause_after"
"""The one of our columns that shapes no sound: it comes back in the outputs, under this name."""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "line id", "lineid", "line key", "string id"),
    "character": ("character", "speaker", "role", "character name", "speaker name"),
    "text": ("text", "dialogue", "dialog", "line", "line text", "dialogue text", "spoken text"),
    "direction": ("direction", "directions", "notes", "delivery", "inflection"),
    "speed": ("speed",),
    "pitch": ("pitch",),
    "volume": ("volume",),
    "emotion": ("emotion",),
    PAUSE_AFTER: (PAUSE_AFTER,),
}
"""What a header may call each column, compared without case, spaces, "_", "-", ":" and brackets; the first one found
wins."""

LANGUAGE, LANGUAGE_HEADERS = "language", ("language", "lang", "locale")
REQUIRED = ("id", "character", "text")
OF_A_TRANSLATION = ("id", "text")
"""What a sheet of translations needs: who speaks stands with the line itself."""
_TEXT_OF = re.compile(r"(?P<name>.+?)\s*[(\[:]\s*(?P<language>[A-Za-z]{2}([-_][A-Za-z0-9]{2,8})*)\s*[)\]]?")
_TEXT_IN = f"text{MARK}"
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
    """Where each column stands, counted from 0. `extras` are the sheet's own columns; `nameless` have no header.

    `texts` are those of other languages beside the sheet's, by language.
    """

    titles: Sequence[str]
    known: Mapping[str, int]
    extras: Sequence[tuple[int, str]]
    nameless: Sequence[int]
    texts: Mapping[str, int] = field(default_factory=dict)


def find_columns(
    header: Sequence[str],
    names: Mapping[str, str],
    ignored: Iterable[str] = (),
    languages: Languages = ONE_LANGUAGE,
) -> tuple[Columns, list[HeaderFault]]:
    """Tell the columns by their headers; `names` maps our word to the sheet's where the project file says so.

    The word for texts in another language is `text@de`.
    """
    titles = [title.strip() for title in header]
    faults = [_repeated(title) for title, count in Counter(titles).items() if title and count > 1]
    faults += [_not_plain(title) for title in titles if not values.is_plain(title)]
    known: dict[str, int] = {}
    for role, wanted in _headers(names, languages).items():
        position = _position(titles, wanted, taken=known.values())
        if position is not None:
            known[role] = position
        elif role in names or role in (OF_A_TRANSLATION if languages.is_translation else REQUIRED):
            faults.append(_missing(role, names.get(role), titles))
    if languages.may_vary:
        taken = set(known.values())
        faults += [
            _unlisted(title, languages) for n, title in enumerate(titles) if n not in taken and _language_in(title)
        ]
    pause = known.get(PAUSE_AFTER)
    if pause is not None and titles[pause] != PAUSE_AFTER and PAUSE_AFTER in titles:
        faults.append(_two_pauses(titles[pause]))
    own = set(known.values()) - {pause}
    extras = [
        (n, PAUSE_AFTER if n == pause else t) for n, t in enumerate(titles) if t and n not in own and t not in ignored
    ]
    nameless = [n for n, t in enumerate(titles) if not t]
    texts = {role.removeprefix(_TEXT_IN): n for role, n in known.items() if role.startswith(_TEXT_IN)}
    return Columns(titles, known, extras, nameless, texts), faults


def _headers(names: Mapping[str, str], languages: Languages) -> dict[str, tuple[str, ...]]:
    """Return what may stand above each column, those first that may not be taken for another one."""
    found = dict(SYNONYMS)
    if not languages.is_one:
        own = tuple(headers(SYNONYMS["text"], languages.own or languages.source))
        found["text"] = (*own, *SYNONYMS["text"]) if languages.is_translation else (*SYNONYMS["text"], *own)
    if languages.may_vary:
        found[LANGUAGE] = LANGUAGE_HEADERS
    if not languages.is_translation:
        found |= {f"{_TEXT_IN}{other}": tuple(headers(SYNONYMS["text"], other)) for other in languages.others}
    return found | {role: (name,) for role, name in names.items()}


def _position(titles: Sequence[str], wanted: Iterable[str], taken: Iterable[int]) -> int | None:
    taken = set(taken)
    keys = [None if n in taken else _key(title) for n, title in enumerate(titles)]
    return next((keys.index(_key(name)) for name in wanted if _key(name) in keys), None)


def _key(title: str) -> str:
    # Brackets and colons stand around the language of a text: `text (de)`, `text:de`.
    return "".join(c for c in title.casefold() if c not in " _-:()[]")


def _language_in(title: str) -> str:
    """Return the language that a header such as `text (fr)` names; nothing where it may mean anything else."""
    found = _TEXT_OF.fullmatch(title)
    names = map(_key, SYNONYMS["text"])
    return found["language"] if found and _key(found["name"]) in names else ""


def _unlisted(title: str, languages: Languages) -> HeaderFault:
    refusal = unlisted(languages.every)
    hint = f"add {_language_in(title)} to `languages` in the project file, or rename the column"
    return HeaderFault(title, refusal.message, refusal.allowed, hint)


def _repeated(title: str) -> HeaderFault:
    return HeaderFault(title, "two columns have this header", "", "rename one of them")


def _two_pauses(title: str) -> HeaderFault:
    return HeaderFault(title, f"there is a column {PAUSE_AFTER}, too", "", "rename one of them")


def _not_plain(title: str) -> HeaderFault:
    return HeaderFault(title, "the header holds a character that cannot be shown", "", "type the header again")


def _missing(role: str, mapped: str | None, titles: Sequence[str]) -> HeaderFault:
    there = listed(title for title in titles if title)
    if mapped is not None:
        message = f"the project file says that the {role.replace(MARK, ' in ')} is in this column, and there is none"
        return HeaderFault(mapped, message, f"the sheet has {there}", did_you_mean(mapped, titles))
    near = next((found for name in SYNONYMS[role] if (found := closest(name, titles))), None)
    hint = f"did you mean {near}? " if near else ""
    hint = f"{hint}rename it, or name it in the project file: columns: {{{role}: {near or '...'}}}"
    if set(titles) >= _STRING_TABLE:
        hint = "if this is a Yarn Spinner string table, say so in the project file: format: yarn"
    return HeaderFault(role, f"there is no column for the {role}; the sheet has {there}", listed(SYNONYMS[role]), hint)
