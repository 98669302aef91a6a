"""Private files: what the stack writes is for its own user alone."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from pipeline.errors import EnvironmentFault

FOLDER_MODE = 0o700
FILE_MODE = 0o600
TAIL_BYTES = 16_384


def private_folder(path: Path) -> Path:
    """Make the folder, and close it to other users even where it existed before."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(FOLDER_MODE)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, mode 600: a reader sees the old text or the new, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_private_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Replace the file by `value`, mode 600."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in the file, an empty one where there is no file.

    Raises:
        EnvironmentFault: the file does not hold a JSON object.
    """
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise EnvironmentFault(
            f"{path} is not valid JSON: {error}", hint=f"Remove {path}; the next start writes it anew."
        ) from error
    if not isinstance(value, dict):
        raise EnvironmentFault(f"{path} holds no JSON object", hint=f"Remove {path}; the next start writes it anew.")
    return value


def last_lines(path: Path, count: int) -> list[str]:
    """Return the end of a log; nothing where there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]
