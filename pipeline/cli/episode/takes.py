"""Takes on this machine's disk, by their hash: an episode that is built again fetches what was spoken since."""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.cli.client import Client, require_whole, segment
from pipeline.cli.counting import counted
from pipeline.cli.disk import write_whole
from pipeline.cli.pack.keeping import sha256_of
from pipeline.intake.rules import pages

Json = dict[str, Any]
THREADS = 8
_AT_ONCE = 100
"""Lines whose links are taken up together: a link is valid for ten minutes."""


@dataclass(frozen=True)
class StoredTake:
    """The audio of a line's take, and what is known of it."""

    path: Path
    row: Json
    """As the API lists it: what was said, the format, the voice, the cost."""


class Shelf:
    """A folder of takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fetched = 0
        """Takes that were not there before."""

    def bring(self, client: Client, production: str, wanted: Collection[str]) -> Mapping[str, StoredTake]:
        """Return the takes of lines by their keys, fetching what is not there; lines without audio are left out."""
        self._folder.mkdir(parents=True, exist_ok=True)
        rows = client.pages(f"/productions/{segment(production)}/pack", "position")
        spoken = (row for row in rows if row["key"] in wanted and row["url"])
        takes: dict[str, StoredTake] = {}
        with ThreadPoolExecutor(THREADS) as threads:
            for page in pages(spoken, _AT_ONCE):
                # Lines that are alike share a take, and two of them at once would write one file.
                files = {self._path(row): row for row in page}
                self.fetched += sum(threads.map(partial(_fetch, client), files, files.values()))
                takes |= {row["key"]: StoredTake(self._path(row), row) for row in page}
        return takes

    def clear(self, takes: Iterable[StoredTake]) -> None:
        """Delete all that is of other takes: nothing asks for them any more."""
        kept = {take.row["sha256"] for take in takes}
        for path in self._folder.iterdir():
            if path.name.partition(".")[0] not in kept:
                path.unlink()

    def _path(self, row: Json) -> Path:
        return self._folder / f"{row['sha256']}.{row['format'].partition('_')[0]}"


def _fetch(client: Client, path: Path, row: Json) -> bool:
    """Fetch a take where it is not there, whole, and tell whether it was fetched."""
    if sha256_of(path) == row["sha256"]:
        return False
    write_whole(path, require_whole(client.download(row["url"]), row["sha256"], f"The take of {row['id']}"))
    return True


def suspended_notes(takes: Mapping[str, StoredTake]) -> list[str]:
    """Say how much is heard of talents who are suspended, where anything is: what was spoken before is delivered."""
    theirs = [name for take in takes.values() if (name := take.row.get("suspended_talent"))]
    if not theirs:
        return []
    lines = counted(len(theirs), "line is", "lines are")
    return [f"{lines} of talents who are suspended: {', '.join(sorted(set(theirs)))}"]
