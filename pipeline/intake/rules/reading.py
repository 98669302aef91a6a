"""Reads a whole submission, or says everything that is wrong with it."""

import contextlib
import io
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from pipeline.intake.rules.course import Course
from pipeline.intake.rules.front_matter import is_script
from pipeline.intake.rules.languages import Languages
from pipeline.intake.rules.lines import Collected, Origin, read_lines
from pipeline.intake.rules.problems import NO_SUCH_FILE, Problem, Refusal, invalid_sheet
from pipeline.intake.rules.project import Project
from pipeline.intake.rules.project_file import ProjectFile
from pipeline.intake.rules.readers import FORMATS
from pipeline.intake.rules.script import SCRIPT_BYTES
from pipeline.intake.rules.sections import ProjectSection, SheetSection
from pipeline.intake.rules.sheets import Sheet, Wanted
from pipeline.intake.rules.yaml_tree import BadYaml
from pipeline.intake.rules.yaml_tree import Path as Place

Read = Callable[[str], bytes | Path]
"""Gives the bytes of a document, or the file that holds them: a sheet is then read in pieces."""

PROJECT_BYTES = 1_000_000
"""Of a project file; thousands of characters have that much. Its parser reads 300 kB a second."""
SHEET_BYTES = 200_000_000
"""Of a sheet, as of any upload; a million lines of dialogue take half of it."""
COMPANION_BYTES = 20_000_000
"""Of the metadata of a string table, which are in memory while it is read."""


def read_project(path: str, read: Read, exists: Callable[[str], bool] | None = None) -> Project:
    """Read the project file at `path` and its sheets; raises `InvalidSheet` with every problem of all of them.

    The lines of the project that is returned lie in a temporary file where they are many.
    `read` and `exists` are asked for `path` itself and for paths in its folder, with forward slashes; `read` raises
    `OSError`, for a missing file `FileNotFoundError`. Without `exists` nobody looks whether references are there.
    """
    file = _project_file(path, read)
    collected, course = Collected(file.characters, file.languages, pauses=file.pauses), file.course()
    sheets: dict[str, str | None] = {}
    for where, section in file.sheets:
        companion = _Companion(file, section, read)
        with _opened_sheet(file, where, section, companion, course) as sheet:
            if sheet is not None:
                read_lines(sheet, collected, _origin(file, section))
                sheets[section.file] = sheet.encoding
                sheets |= dict.fromkeys(companion.found)
    collected.translations.settle(collected.lines, collected.ids, collected.problems, collected.notes)
    if exists is not None:
        _check_attachments(file, exists)
    problems = [*file.problems, *collected.problems]
    if problems or file.section is None:
        raise invalid_sheet(problems)
    title = file.section.title or (course.title if course.is_episode else "")
    return _project(file, file.section, collected, sheets, title)


def read_head(path: str, read: Read) -> ProjectFile:
    """Read the project file alone; raises `InvalidSheet` with every problem of it."""
    file = _project_file(path, read)
    if file.problems:
        raise invalid_sheet(file.problems)
    return file


def _origin(file: ProjectFile, section: SheetSection) -> Origin:
    return Origin(
        file=section.file,
        shown=_beside(file.name, section.file),
        columns=section.columns.by_role(file.language),
        languages=_languages(file, section),
        skips_outdated=section.needs_update == "skip",
    )


def _languages(file: ProjectFile, section: SheetSection) -> Languages:
    """Return the languages that a sheet may hold."""
    return replace(file.languages, own=section.language)


def _project_file(path: str, read: Read) -> ProjectFile:
    try:
        with _opened(path, read, SCRIPT_BYTES if is_script(path) else PROJECT_BYTES) as file:
            return ProjectFile(path, file.read())
    except Refusal as wrong:
        hint = "`callsheet init` writes one to start from"
        raise invalid_sheet([Problem(path, "the file", "", wrong.message, wrong.allowed, hint)]) from wrong


class _Companion:
    """The file beside a string table that holds its metadata: the declared one, or one of the usual name."""

    def __init__(self, file: ProjectFile, section: SheetSection, read: Read) -> None:
        stem, extension = posixpath.splitext(section.file)
        self.read = read
        self.path = section.metadata or f"{stem}-metadata{extension}"
        self.found: list[str] = []
        self._shown = _beside(file.name, self.path)
        self._is_declared = section.metadata is not None

    def open(self) -> BinaryIO | None:
        """Open it; None where there is none of the usual name. Raises `Refusal`."""
        try:
            opened = _opened(self._shown, self.read, COMPANION_BYTES)
        except _NotThere:
            if self._is_declared:
                raise
            return None
        self.found.append(self.path)
        return opened


@contextlib.contextmanager
def _opened_sheet(
    file: ProjectFile, where: Place, section: SheetSection, companion: _Companion, course: Course
) -> Iterator[Sheet | None]:
    """Open one sheet; None where it has a problem, which then stands where the author has to correct it."""
    shown = _beside(file.name, section.file)
    with contextlib.ExitStack() as opened:
        try:
            content = opened.enter_context(_opened(shown, companion.read, SHEET_BYTES))
        except Refusal as wrong:
            file.problem(where, wrong.message, value=section.file, allowed=wrong.allowed, hint=wrong.hint)
            yield None
            return
        wanted = Wanted(
            language=section.language or file.language,
            encoding=section.encoding,
            columns=section.columns.by_role(file.language),
            languages=_languages(file, section),
            sheet=section.sheet,
            skips_outdated=section.needs_update == "skip",
            skips_placeholders=section.placeholders == "skip",
            companion=companion.open,
            course=course,
        )
        try:
            sheet = FORMATS[section.kind].reader()(content, wanted)
        except Refusal as wrong:
            line = wrong.line if isinstance(wrong, BadYaml) else None
            place = f"line {line}" if line else "the file"
            file.problems.append(Problem(shown, place, "", wrong.message, wrong.allowed, wrong.hint, line))
            yield None
            return
        yield sheet


class _NotThere(Refusal):
    """There is no file of that name."""


def _opened(path: str, read: Read, most: int) -> BinaryIO:
    try:
        found = read(path)
        file: BinaryIO = found.open("rb") if isinstance(found, Path) else io.BytesIO(found)
    except FileNotFoundError as wrong:
        raise _NotThere(NO_SUCH_FILE, hint=f"looked for {path}") from wrong
    except OSError as wrong:
        raise Refusal(f"the file cannot be read: {wrong.strerror or 'unknown reason'}") from wrong
    if (size := file.seek(0, io.SEEK_END)) > most:
        file.close()
        hint = "split it, or leave out what no line needs"
        raise Refusal(f"the file has {size} bytes", allowed=f"at most {most} bytes", hint=hint)
    file.seek(0)
    return file


def _check_attachments(file: ProjectFile, exists: Callable[[str], bool]) -> None:
    for where, attached in file.attachments:
        beside = _beside(file.name, attached)
        if not exists(beside):
            hint = f"put the file there; looked for {beside}"
            file.problem(where, NO_SUCH_FILE, value=attached, hint=hint)


def _beside(path: str, other: str) -> str:
    return posixpath.join(posixpath.dirname(path), other)


def _project(
    file: ProjectFile, section: ProjectSection, collected: Collected, sheets: Mapping[str, str | None], title: str
) -> Project:
    paths = [posixpath.basename(file.name), *sheets, *(attached for _, attached in file.attachments)]
    return Project(
        production=section.production,
        title=title or section.production,
        language=file.language,
        settings=section.settings(),
        budget_micros=section.budget,
        talents={key: talent.talent(key) for key, talent in section.talents.items()},
        characters={key: character.character(key) for key, character in section.characters.items()},
        lines=collected.lines,
        columns=tuple(collected.columns),
        files=tuple(dict.fromkeys(paths)),
        encodings={name: encoding for name, encoding in sheets.items() if encoding},
        lexicon=section.words(),
        notes=tuple(collected.notes),
        languages=file.languages.every,
        translated={language: frozenset(roles) for language, roles in collected.translations.roles.items()},
        missing=collected.translations.missing(collected.lines, file.languages),
        quality=section.quality.settings(),
        normalise=section.normalise,
        episode=file.episode,
    )
