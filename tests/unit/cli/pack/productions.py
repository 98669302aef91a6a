"""A production of spoken lines behind the part of the API that a pull asks."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.cli.pack import Puller
from pipeline.packs.rules import Asked
from tests.support import recordings

Json = dict[str, Any]


class Api:
    """Serves lines and their takes, and remembers what was fetched."""

    def __init__(self, *lines: Json) -> None:
        self.lines = list(lines)
        self.takes: dict[str, bytes] = {}
        self.downloads: list[str] = []

    def pages(self, path: str, cursor: str) -> Iterator[Json]:
        assert (path, cursor) == ("/productions/game/pack", "position")
        for line in self.lines:
            yield {name: value for name, value in line.items() if name != "_take"}

    def download(self, url: str) -> bytes:
        self.downloads.append(url)
        return next(line["_take"] for line in self.lines if line["url"] == url)


def line(line_id: str = "a_1", *, take: bytes | None = None, **change: object) -> Json:
    """A spoken line; without a take its sound is bytes that no decoder reads."""
    sound = f"the sound of {line_id}".encode() if take is None else take
    language = change.get("language", "en")
    facts = {
        "id": line_id,
        "key": line_id if language == "en" else f"{line_id}@{language}",
        "position": 0,
        "character": "MARA",
        "language": "en",
        "text": "Hello.",
        "direction": "",
        "extras": {},
        "take": "take_1",
        "state": "done",
        "error": None,
        "format": "wav",
        "seconds": 1.25,
        "sha256": hashlib.sha256(sound).hexdigest(),
        "cost_micros": 120,
        "voice": "voice_1",
        "file": f"MARA/{line_id}.wav",
        "url": f"http://bucket/{line_id}/{language}",
        "_take": sound,
    }
    return {**facts, **change}


def missing(line_id: str = "a_9", **change: object) -> Json:
    nothing: Json = dict.fromkeys(("file", "url", "seconds", "sha256", "cost_micros", "take"))
    return line(line_id, state="waiting", **{**nothing, **change})


def spoken(line_id: str = "a_1", *, seconds: float = 1.0, dbfs: float = -30.0, **change: object) -> Json:
    """A line whose take is a recording like speech, another for each line."""
    return line(line_id, take=_recording(seconds, dbfs, sum(line_id.encode())), **change)


@cache
def _recording(seconds: float, dbfs: float, seed: int) -> bytes:
    return recordings.wav_bytes(recordings.speech_like(seconds, 16_000, dbfs=dbfs, seed=seed), 16_000)


def pull(api: Api, folder: Path, asked: Asked | None = None, *, prune: bool = False) -> Json:
    return Puller(api, folder, asked, prune=prune).pull("game")  # type: ignore[arg-type] # all it asks of the API


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file each path leads to and when it was last written."""
    return {name: ((folder / name).stat().st_ino, (folder / name).stat().st_mtime_ns) for name in files(folder)}
