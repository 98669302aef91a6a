"""Writes the reference pages that are made from the code: `make docs`. A test compares them with it."""  # noqa: INP001 - a script

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from typer.main import get_command

from pipeline.errors import CallsheetError, ExitCode
from pipeline.settings import PREFIX, PROJECT_FILE, USER_FILE, Settings
from workers.cli import app

DOCS = Path(__file__).parent
NOTE = "<!-- Written by `make docs` from the code; change it there. -->"


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"settings.md": _settings(), "commands.md": _commands(), "errors.md": _errors()}


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text)
    return 0


def _settings() -> str:
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return f"""{NOTE}

# Settings

Each setting is an environment variable. The first of these that knows one wins: the command's flag, the environment,
`{PROJECT_FILE}` in the current folder, `{USER_FILE}`, and what the running local stack
has written about itself. In the two files the names stand in lower case and without `{PREFIX}`. A wrong value ends
the program at its start with exit code {ExitCode.ENVIRONMENT.value}, the variable's name and what is allowed.

| variable | what it is | values | default |
|---|---|---|---|
{chr(10).join(rows)}
"""


def _setting(name: str, field: FieldInfo) -> str:
    schema = Settings.model_json_schema(by_alias=False)["properties"][name]
    default = "" if field.default is None else f"`{field.default}`"
    return f"| `{PREFIX}{name.upper()}` | {field.description} | {_values(schema)} | {default} |"


def _values(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return next(_values(kind) for kind in schema["anyOf"] if kind.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    bounds = [
        f"{word} {schema[key]:g}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in schema
    ]
    kind = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}[schema["type"]]
    secret = ", secret" if schema.get("writeOnly") else ""
    return " ".join([kind, *bounds]) + secret


def _commands() -> str:
    commands = getattr(get_command(app), "commands", {})
    parts = [part for name, command in _every(commands) for part in _command(name, command)]
    codes = ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode)
    return f"""{NOTE}

# Commands

Data goes to stdout, talk to stderr. With `--json` a command writes one JSON document to stdout, and an error one to
stderr. Exit codes: {codes};
[errors.md](errors.md) says which error has which.

{chr(10).join(parts)}"""


def _every(commands: dict[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in commands.items():
        yield f"{group}{name}", command
        yield from _every(getattr(command, "commands", {}), f"{group}{name} ")


def _command(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - click's command
    shown = [parameter for parameter in command.params if parameter.name != "help"]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    options = [p for p in shown if p.param_type_name == "option"]
    usage = "".join(f" {_placeholder(argument)}" for argument in arguments) + (" [OPTIONS]" if options else "")
    yield f"## callsheet {name}\n\n    callsheet {name}{usage}\n\n{inspect.cleandoc(command.help)}\n"
    rows = [f"| `{_placeholder(p)}` | {p.help or ''} |" for p in arguments]
    rows += [f"| `{', '.join(p.opts)}` | {p.help or ''}{_default(p)} |" for p in options]
    if rows:
        yield "\n".join(["| | |", "|---|---|", *rows]) + "\n"


def _placeholder(argument: Any) -> str:  # noqa: ANN401 - click's parameter
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _default(option: Any) -> str:  # noqa: ANN401 - click's parameter
    plain = isinstance(option.default, str | int) and not isinstance(option.default, bool)
    return f" Default: `{option.default}`." if plain else ""


def _errors() -> str:
    kinds = sorted(_family(CallsheetError), key=lambda kind: (kind.exit_code, kind.code))
    rows = [
        f"| `{kind.code}` | {_sentence(kind)} | {kind.exit_code.value} {kind.exit_code.name.lower()}"
        f" | {kind.http_status} |"
        for kind in kinds
        if kind.__module__ == CallsheetError.__module__
    ]
    return f"""{NOTE}

# Errors

An error has the same code in the commands, in the HTTP API and in the logs: `{{"error": {{"code": ..., "message": ...,
"hint": ...}}}}` with further fields where there is more to say. The hint is the next thing to do.

| code | what it means | exit code | HTTP status |
|---|---|---|---|
{chr(10).join(rows)}
"""


def _family(base: type[CallsheetError]) -> Iterator[type[CallsheetError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _family(kind)


def _sentence(kind: type[CallsheetError]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    sys.exit(main())
