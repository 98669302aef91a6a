"""The files of a cast pack: one a line, named by its id, with a link to fetch it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.intake.rules import plain_id
from pipeline.packs.rules import file_name
from pipeline.storage.port import ObjectStore


def files(store: ObjectStore, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each line with its file name, and with a URL valid for ten minutes where it is spoken.

    `id` is that of the line in all of its languages, which files are named after; commands know it as `key`.
    """
    return [_file(store, line) for line in lines]


def _file(store: ObjectStore, line: Mapping[str, Any]) -> dict[str, Any]:
    key, line_id = line["object_key"], plain_id(line["id"])
    entry = {name: value for name, value in line.items() if name != "object_key"}
    name = file_name(line["character"], line_id, key) if key else None
    url = store.download_url(key) if key else None
    return {**entry, "id": line_id, "key": line["id"], "file": name, "url": url}
