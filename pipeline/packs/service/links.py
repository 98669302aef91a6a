"""The files of a cast pack: one a line, named by its id, with a link to fetch it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.packs.rules import file_name
from pipeline.storage.port import ObjectStore


def files(store: ObjectStore, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each line with its file name, and with a URL valid for ten minutes where it is spoken."""
    return [_file(store, line) for line in lines]


def _file(store: ObjectStore, line: Mapping[str, Any]) -> dict[str, Any]:
    key = line["object_key"]
    entry = {name: value for name, value in line.items() if name != "object_key"}
    name = file_name(line["character"], line["id"], key) if key else None
    return {**entry, "file": name, "url": store.download_url(key) if key else None}
