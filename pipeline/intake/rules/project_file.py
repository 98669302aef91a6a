"""Reads the project file: one pass finds everything that is wrong with it."""

import contextlib
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.intake.rules import front_matter, values
from pipeline.intake.rules.course import Course
from pipeline.intake.rules.decoding import decode_strict
from pipeline.intake.rules.episode import Episode
from pipeline.intake.rules.languages import Languages, unlisted
from pipeline.intake.rules.names import folded, is_sha256, project_path
from pipeline.intake.rules.problems import Problem, Refusal, Suggestions, did_you_mean, listed, shorten
from pipeline.intake.rules.project import DEFAULT_LANGUAGE
from pipeline.intake.rules.sections import ProjectSection, SheetSection, as_sheets
from pipeline.intake.rules.yaml_tree import BadYaml, Document, Path, Tree

_MESSAGES = {
    "missing": "this key is missing",
    "extra_forbidden": "this key is not known",
    "literal_error": "this is not one of the choices",
    "string_type": "a text is expected here",
    "bool_type": "true or false is expected here",
    "bool_parsing": "true or false is expected here",
    "string_too_short": "this is empty",
    "too_short": "this is empty",
    "model_type": "a mapping of keys is expected here",
    "dict_type": "a mapping of keys is expected here",
    "tuple_type": "a list is expected here",
    "float_type": "a number is expected here",
    "int_type": "an amount is expected here",
    "date_type": "a date is expected here",
}


EPISODE_FILES = ("intro", "outro", "bed", "sting", "cover")


class ProjectFile:
    """A project file as far as it can be read: `section` is None where it has problems.

    A script with front matter is one, too: its lines are its own where it names no other sheet, and they become an
    episode.
    """

    def __init__(self, name: str, data: bytes) -> None:
        """Read the file; `name` is how problems call it."""
        self.name = name
        self._is_script = front_matter.is_script(name)
        self.section: ProjectSection | None = None
        self.problems: list[Problem] = []
        self._document = self._parse(data)
        if self._document is not None:
            self._validate(self._document)
            self.problems.sort(key=lambda problem: problem.line or 0)

    @property
    def characters(self) -> list[str]:
        """The characters' keys, those with problems too: a line of theirs is no second problem."""
        return [unicodedata.normalize("NFC", key) for key in self._mapping("characters")]

    @property
    def pauses(self) -> dict[str, float]:
        """The seconds of silence after the lines of each character that says so; none where the file has problems."""
        declared = self.section.characters if self.section else {}
        return {key: one.pause_after for key, one in declared.items() if one.pause_after is not None}

    @property
    def language(self) -> str:
        """The source language: the declared one, else the first that is listed, else the usual one."""
        return next(_tags([self._top.get("language"), *self._listed_languages()]), DEFAULT_LANGUAGE)

    @property
    def languages(self) -> Languages:
        """The source language and the others, those that can be read."""
        tags = dict.fromkeys(_tags(self._listed_languages()))
        return Languages(self.language, tuple(tag for tag in tags if tag != self.language))

    def _listed_languages(self) -> list[Any]:
        given = self._top.get("languages")
        return given if isinstance(given, list) else [given]

    @property
    def is_episode(self) -> bool:
        """Whether its lines become an episode."""
        return self._is_script or self._top.get("episode") is not None

    @property
    def episode(self) -> Episode | None:
        """How they do; None where they do not, or it cannot be read."""
        declared = self.section.episode if self.section else None
        if declared is None:
            return Episode() if self.section and self.is_episode else None
        return declared.episode()

    def course(self) -> Course:
        """Return what its scripts begin with."""
        narrator = self._mapping("episode").get("narrator")
        return Course(narrator=narrator if isinstance(narrator, str) else None, is_episode=self.is_episode)

    @property
    def sheets(self) -> list[tuple[Path, SheetSection]]:
        """The sheets that can be read, whatever the rest of the file looks like, and where each is named."""
        return [(("lines", n, "file"), sheet) for n, sheet in self._numbered_sheets()]

    def _numbered_sheets(self) -> Iterator[tuple[int, SheetSection]]:
        given = as_sheets(self._top.get("lines"))
        for n, entry in enumerate(given if isinstance(given, list) else []):
            with contextlib.suppress(ValidationError):  # its problems are listed already
                yield n, SheetSection.model_validate(entry)

    @property
    def attachments(self) -> list[tuple[Path, str]]:
        """References, evidence, then music and cover: where each is named, and its path inside the project's folder."""
        talents = [(key, entry) for key, entry in self._mapping("talents").items() if isinstance(entry, dict)]
        consents = [(key, entry["consent"]) for key, entry in talents if isinstance(entry.get("consent"), dict)]
        named = [
            *((("talents", key, "reference"), entry.get("reference")) for key, entry in talents),
            *((("talents", key, "consent", "evidence"), record.get("evidence")) for key, record in consents),
            *((("episode", role), _file_of(self._mapping("episode").get(role))) for role in EPISODE_FILES),
        ]
        return [(where, path) for where, text in named if (path := _path_of(text))]

    def problem(self, path: Path, message: str, *, value: str = "", allowed: str = "", hint: str = "") -> None:
        """Add a problem at a path of the file."""
        document = self._document
        place = _place(document.tree if document else None, path) or "the file"
        line = document.line(path) if document else None
        self.problems.append(Problem(self.name, place, shorten(value), message, allowed, hint, line))

    def _parse(self, data: bytes) -> Document | None:
        try:
            text = decode_strict(data)
            document = Document(front_matter.front_matter(text) if self._is_script else text)
        except Refusal as wrong:
            line = wrong.line if isinstance(wrong, BadYaml) else None
            place = f"line {line}" if line else "the file"
            self.problems.append(Problem(self.name, place, "", wrong.message, wrong.allowed, wrong.hint, line))
            return None
        if self._is_script and isinstance(document.tree, dict):
            document.tree.setdefault("lines", posixpath.basename(self.name))
        return document

    def _validate(self, document: Document) -> None:
        for twice in document.repeated:
            where = f"it stands in line {twice.first_line} and again in line {twice.line}"
            self.problem(twice.path, f"the key is there twice: {where}", hint="delete or rename one of them")
        if not document.tree:
            self.problem((), "the file is empty", hint="`callsheet init` writes one to start from")
            return
        try:
            self.section = ProjectSection.model_validate(document.tree)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False):
                self._add(error)
        self._check_names("talents")
        self._check_names("characters")
        self._check_casting()
        self._check_languages()
        self._check_lexicon()
        self._check_narrator()
        self._check_sheets()

    def _add(self, error: ErrorDetails) -> None:
        path = tuple(step for step in error["loc"] if step != "[key]")
        message, allowed, hint = _described(error, path)
        value = error["input"] if isinstance(error["input"], str) else ""
        self.problem(path, message, value=value, allowed=allowed, hint=hint)

    def _check_names(self, kind: str) -> None:
        """Two keys that differ only by case would be one folder on half of the world's machines."""
        seen: dict[str, str] = {}
        for name in self._mapping(kind):
            first = seen.setdefault(folded(name), name)
            if first != name:
                self.problem((kind, name), f"the name differs from {first} only by case", hint="rename one of them")

    def _check_casting(self) -> None:
        talents = dict.fromkeys(self._mapping("talents"))
        known = listed(talents) or "none: this file declares no talents"
        suggestions = Suggestions(list(talents))
        for where, voice in self._voices():
            talent = voice.get("talent") if isinstance(voice, dict) else None
            if isinstance(talent, str) and talent not in talents:
                self.problem(
                    (*where, "talent"),
                    "there is no such talent",
                    value=talent,
                    allowed=known,
                    hint=suggestions.hint(talent) or f"add {shorten(talent)} under talents",
                )

    def _voices(self) -> Iterator[tuple[Path, Any]]:
        """Yield every voice of every character, and where it stands."""
        for key, character in self._mapping("characters").items():
            given = character if isinstance(character, dict) else {}
            yield ("characters", key, "voice"), given.get("voice")
            others = given.get("voices")
            for language, voice in others.items() if isinstance(others, dict) else ():
                yield ("characters", key, "voices", language), voice

    def _check_languages(self) -> None:
        """What is in a language that the file does not list would never be asked for."""
        every = self.languages.every
        named: list[tuple[Path, str]] = [
            (("lines", n, "language"), sheet.language) for n, sheet in self._numbered_sheets() if sheet.language
        ]
        for n, sheet in self._numbered_sheets():
            named += [(("lines", n, "columns", "text", tag), tag) for tag in sheet.columns.text or {} if tag]
        for key, character in (self.section.characters if self.section else {}).items():
            named += [(("characters", key, "voices", tag), tag) for tag in character.voices]
        for where, tag in named:
            if tag not in every:
                wrong = unlisted(every)
                self.problem(where, wrong.message, value=tag, allowed=wrong.allowed, hint=wrong.hint)

    def _check_lexicon(self) -> None:
        known, seen = self.characters, dict[str, str]()
        suggestions = Suggestions(known)
        for word, sayings in (self.section.lexicon if self.section else {}).items():
            for n, saying in enumerate(sayings):
                for character in saying.characters:
                    if character not in known:
                        self.problem(
                            ("lexicon", word, n, "characters"),
                            "there is no such character",
                            value=character,
                            allowed=listed(known),
                            hint=suggestions.hint(character),
                        )
            if not all(saying.exact for saying in sayings):
                first = seen.setdefault(folded(word), word)
                if first != word:
                    hint = "give them `exact: true`, or delete one of them"
                    self.problem(("lexicon", word), f"the word differs from {first} only by case", hint=hint)

    def _check_narrator(self) -> None:
        narrator, known = self._mapping("episode").get("narrator"), self.characters
        if isinstance(narrator, str) and known and unicodedata.normalize("NFC", narrator) not in known:
            self.problem(
                ("episode", "narrator"),
                "there is no such character",
                value=narrator,
                allowed=listed(known),
                hint=did_you_mean(narrator, known) or "add the character to the project file",
            )

    def _check_sheets(self) -> None:
        seen: set[tuple[str, str | None]] = set()
        for where, sheet in self.sheets:
            if (sheet.file, sheet.sheet) in seen:
                self.problem(where, "the sheet is listed twice", value=sheet.file, hint="delete one of them")
            seen.add((sheet.file, sheet.sheet))

    @property
    def _top(self) -> Mapping[str, Any]:
        tree = self._document.tree if self._document else None
        return tree if isinstance(tree, dict) else {}

    def _mapping(self, kind: str) -> Mapping[str, Any]:
        found = self._top.get(kind)
        return found if isinstance(found, dict) else {}


def _tags(given: Iterable[Any]) -> Iterator[str]:
    """Yield the language tags among what the file holds."""
    for tag in given:
        if isinstance(tag, str):
            with contextlib.suppress(Refusal):
                yield values.language(tag)


def _file_of(entry: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    return entry.get("file") if isinstance(entry, dict) else entry


def _path_of(text: Any) -> str | None:  # noqa: ANN401 - whatever the file holds
    if not isinstance(text, str) or is_sha256(text):
        return None
    try:
        return project_path(text)
    except Refusal:
        return None


def _described(error: ErrorDetails, path: Path) -> tuple[str, str, str]:
    """Return message, allowed values and hint for one finding of the schema."""
    context, given = error.get("ctx", {}), error["input"]
    message, allowed, hint = _MESSAGES.get(error["type"], error["msg"]), "", ""
    match error["type"]:
        case "value_error" if isinstance(context["error"], Refusal):
            refusal = context["error"]
            message, allowed, hint = refusal.message, refusal.allowed, refusal.hint
        case "extra_forbidden":
            keys = list(_section_at(path[:-1]).model_fields)
            allowed, hint = listed(keys, most=20), did_you_mean(str(path[-1]), keys)
        case "literal_error":
            allowed = context["expected"].replace("'", "")
        case "string_too_long":
            message, allowed = f"the text has {len(given)} characters", f"at most {context['max_length']}"
        case "string_type" if isinstance(given, bool):
            hint = "put it in quotes"
    return message, allowed, hint


def _section_at(path: Sequence[str | int]) -> type[BaseModel]:
    """Return the section that stands at a path, to know which keys it has."""
    section: type[BaseModel] = ProjectSection
    for step in path:
        if isinstance(step, str) and step in section.model_fields:
            section = next(_sections(section.model_fields[step].annotation), section)
    return section


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _place(tree: Tree, path: Path) -> str:
    """Return the path as the author sees it: items counted from 1, nothing below what is written."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, str):
            parts.append(step)
            tree = tree.get(step) if isinstance(tree, dict) else None
        elif isinstance(tree, list):
            parts.append(str(step + 1))
            tree = tree[step] if step < len(tree) else None
        if isinstance(tree, str):
            break
    return ".".join(parts)
