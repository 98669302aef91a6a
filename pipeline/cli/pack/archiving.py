"""A pack as one archive. Equal packs give equal bytes: names in one order, no dates, nothing compressed."""

import shutil
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.cli.disk import writing_to
from pipeline.errors import UsageError

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that the format can name."""
_UNIX = 3
_MODE = (stat.S_IFREG | 0o644) << 16
_PIECE_BYTES = 1 << 20


def require_archive(path: Path) -> None:
    """Raise `UsageError` where an archive cannot be called so."""
    if path.suffix.casefold() != ".zip":
        raise UsageError(f"--zip {path} is no name of an archive.", hint="Let it end with .zip.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name the archive's file: --zip harbour.zip.")


def write_archive(path: Path, folder: Path, files: Iterable[str]) -> None:
    """Write files of a folder into an archive, whole or not at all; raises `EnvironmentFault`."""
    partial = path.with_name(f".{path.name}.part")
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
                for name in sorted(set(files)):
                    _add(archive, folder / name, name)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, source: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system, entry.external_attr = _UNIX, _MODE
    entry.file_size = source.stat().st_size  # tells whether the entry needs the fields of large files
    with source.open("rb") as file, archive.open(entry, "w") as stored:
        shutil.copyfileobj(file, stored, _PIECE_BYTES)
