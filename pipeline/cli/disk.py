"""Writing to the user's disk: a file is there whole or not at all, and a disk that refuses is a sentence."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import EnvironmentFault


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Raise `EnvironmentFault` where the disk refuses."""
    try:
        yield
    except OSError as error:
        place, why = error.filename or folder, error.strerror or type(error).__name__
        raise EnvironmentFault(f"{place}: {why}.", hint="Correct that, or choose another folder.") from error


def write_whole(path: Path, content: bytes | Path) -> None:
    """Write bytes, or a copy of a file, beside the place and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        if isinstance(content, Path):
            shutil.copyfile(content, partial)
        else:
            partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
