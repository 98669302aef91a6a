"""Fetching a cast pack: whole files only, nothing rewritten that has not changed, a manifest beside them."""

import csv
import hashlib
import io
import json
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.cli.client import Client, segment
from pipeline.cli.disk import write_whole, writing_to
from pipeline.errors import EnvironmentFault
from pipeline.intake.rules import EXPORT_MARK, Refusal, guard
from pipeline.intake.rules.names import project_path

Json = dict[str, Any]
THREADS = 8
COLUMNS = ("id", "character", "text", "direction", "file", "seconds", "sha256", "cost_micros", "state", "take")


class Puller:
    """Brings a production's files into a folder."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def pull(self, production: str) -> Json:
        """Fetch what is missing or has changed and write manifest.json and manifest.csv."""
        lines = list(self._client.pages(f"/productions/{segment(production)}/pack", "position"))
        spoken = [line for line in lines if line["url"]]
        _require_inside(line["file"] for line in spoken)
        with writing_to(self._folder):
            with ThreadPoolExecutor(THREADS) as pool:
                fetched = sum(pool.map(self._fetch, spoken))
            self._write_manifest(lines)
        return {
            "folder": str(self._folder),
            "fetched": fetched,
            "kept": len(spoken) - fetched,
            "missing": [line["id"] for line in lines if not line["url"]],
        }

    def _fetch(self, line: Json) -> bool:
        target = self._folder / line["file"]
        if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == line["sha256"]:
            return False
        content = self._client.download(line["url"])
        if hashlib.sha256(content).hexdigest() != line["sha256"]:
            raise EnvironmentFault(f"{line['file']} did not arrive whole.", hint="Pull again.")
        write_whole(target, content)
        return True

    def _write_manifest(self, lines: list[Json]) -> None:
        kept = [{name: value for name, value in line.items() if name not in {"url", "position"}} for line in lines]
        document = json.dumps({"lines": kept}, ensure_ascii=False, indent=1)
        write_whole(self._folder / "manifest.json", document.encode())
        write_whole(self._folder / "manifest.csv", _csv(kept).encode())


def _require_inside(files: Iterable[str]) -> None:
    """Raise `EnvironmentFault` where the API names a file outside the folder: it is not believed."""
    for file in files:
        try:
            project_path(file)
        except Refusal as wrong:
            raise EnvironmentFault(
                f"The API names a file that is not in the pack's folder: {file!r:.100}.",
                hint="Nothing was written. Is CALLSHEET_API_URL the API you mean?",
            ) from wrong


def _csv(lines: Iterable[Json]) -> str:
    rows = list(lines)
    own = list(dict.fromkeys(column for line in rows for column in line["extras"]))
    out = io.StringIO()
    writer = csv.writer(out)
    titles = [*COLUMNS, *(_title(column, own) for column in own), EXPORT_MARK]
    # The mark tells our own reader that a leading apostrophe guards a cell against being taken for a formula.
    writer.writerow([guard(title) for title in titles])
    for line in rows:
        cells = [line[column] for column in COLUMNS] + [line["extras"].get(column, "") for column in own]
        writer.writerow([*("" if cell is None else guard(str(cell)) for cell in cells), ""])
    return out.getvalue()


def _title(column: str, own: Collection[str]) -> str:
    """Name a column of the sheet; where ours has its name already, it is the sheet's."""
    taken = {*COLUMNS, EXPORT_MARK}
    if column not in taken:
        return column
    return next(name for n in count(1) if (name := f"sheet_{column}{'' if n == 1 else n}") not in {*taken, *own})
