"""Names of delivered files: from validated ids only."""

from pathlib import PurePosixPath


def file_name(character: str, line_id: str, object_key: str) -> str:
    """Return a line's path in the pack: `<character>/<line id>.<extension>`."""
    return f"{character}/{line_id}{PurePosixPath(object_key).suffix}"
