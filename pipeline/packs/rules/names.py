"""Names of delivered files: a template, filled in with validated values, that no file system and no engine refuses."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from string import Formatter

from pipeline.errors import UsageError
from pipeline.intake.rules import Refusal
from pipeline.intake.rules.names import folded

COMPONENT_BYTES = 245
"""File systems end a name at 255 bytes; the rest is for what an unfinished file is called."""
LANGUAGE, LINE_ID, EXTENSION = "lang", "line_id", "ext"
FIELDS = (LANGUAGE, "character", LINE_ID, "take", "production", EXTENSION)
_ENDING = f".{{{EXTENSION}}}"
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[1-9¹²³])(?:\..*)?", re.IGNORECASE)
_ALLOWED = (
    f"a name of at most {COMPONENT_BYTES} bytes without control characters and any of <>:/\\|?*, with no dot in front,"
    " neither dot nor space at its end, and not one that Windows reserves"
)
_HINT = f"Fields are {', '.join(f'{{{field}}}' for field in FIELDS)} and the columns of your sheet."

Clean = Callable[[str], str]


def file_name(character: str, line_id: str, object_key: str) -> str:
    """Return a line's path in the pack: `<character>/<line id>.<extension>`."""
    return f"{character}/{line_id}{PurePosixPath(object_key).suffix}"


class NameTemplate:
    """Paths of files such as `{lang}/{character}/{line_id}.{ext}`. Raises `UsageError` where it is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = [_parsed(part, text) for part in text.split("/")]
        if not text.endswith(_ENDING) or text == _ENDING:
            raise _wrong(text, f"it does not end with {_ENDING}")

    @property
    def file(self) -> str:
        """The template of the file's own name."""
        return self.text.rsplit("/", 1)[-1]

    def path(self, values: Mapping[str, str], clean: Clean = str) -> str:
        """Fill the template in; what the template itself says and the language stay as they are.

        Raises `Refusal` where a value is missing or a name is none.
        """
        found = {name.casefold(): value for name, value in values.items()}
        return "/".join(_component(part, found, clean) for part in self._parts)

    def home(self, language: str) -> str:
        """Return the folder that holds everything of a language; "" for the pack's own."""
        folders: list[str] = []
        for part in self._parts[:-1]:
            if any(field not in {"", LANGUAGE} for _, field in part):
                break
            folders.append(_component(part, {LANGUAGE: language}, str))
        return "/".join(folders)


def collision_key(path: str) -> str:
    """Return the same string for two paths that a case-insensitive file system takes for one."""
    return folded(path)


def _parsed(part: str, text: str) -> list[tuple[str, str]]:
    try:
        pieces = list(Formatter().parse(part))
    except ValueError as error:
        raise _wrong(text, str(error)) from error
    if not pieces:
        raise _wrong(text, "a folder of it has no name")
    for _, field, spec, conversion in pieces:
        if spec or conversion or field == "":
            raise _wrong(text, "fields are names alone, such as {line_id}")
    return [(literal, field or "") for literal, field, _, _ in pieces]


def _wrong(text: str, reason: str) -> UsageError:
    return UsageError(f"{text!r} is no template for names: {reason}.", hint=_HINT)


def _component(part: list[tuple[str, str]], values: Mapping[str, str], clean: Clean) -> str:
    name = "".join(literal + _value(field, values, clean) for literal, field in part)
    if _FORBIDDEN.search(name) or not name.strip() or name.startswith(".") or name.endswith((".", " ")):
        raise Refusal(f"{name!r} cannot be a name", allowed=_ALLOWED)
    if _RESERVED.fullmatch(name):
        raise Refusal(f"Windows reserves the name {name}", allowed=_ALLOWED)
    if len(name.encode()) > COMPONENT_BYTES:
        raise Refusal(f"the name {name[:40]}… has {len(name.encode())} bytes", allowed=_ALLOWED)
    return name


def _value(field: str, values: Mapping[str, str], clean: Clean) -> str:
    if not field:
        return ""
    value = values.get(field.casefold(), "")
    if not value.strip():
        raise Refusal(f"it has no {field}, which its name needs", hint=_HINT)
    return value if field in {LANGUAGE, EXTENSION} else clean(value)
