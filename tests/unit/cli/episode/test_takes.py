"""The takes of an episode are fetched once, each under the key of its line."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.client import Client
from pipeline.cli.episode.takes import Shelf

SOUNDS = {"a": b"hello", "a@de": b"hallo", "b": b"bye", "bye again": b"bye"}


class Bucket:
    """The API as far as a shelf asks it: a line in two languages has one id and two keys."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pages(self, _path: str, _key: str) -> Iterator[dict[str, Any]]:
        for key, sound in SOUNDS.items():
            told = {"id": key.partition("@")[0], "key": key, "url": key, "format": "mp3"}
            yield {**told, "sha256": hashlib.sha256(sound).hexdigest()}
        yield {"id": "c", "key": "c", "url": None, "format": None, "sha256": None}

    def download(self, url: str) -> bytes:
        self.asked.append(url)
        return SOUNDS[url]


@pytest.fixture
def bucket() -> Any:
    """Not typed: it stands where a `Client` is wanted."""
    return Bucket()


def brought(bucket: Client, folder: Path, *keys: str) -> dict[str, bytes]:
    return {key: take.path.read_bytes() for key, take in Shelf(folder).bring(bucket, "talk", set(keys)).items()}


def test_a_line_in_another_language_never_stands_in_for_the_source(bucket: Any, tmp_path: Path) -> None:
    assert brought(bucket, tmp_path, "a", "b") == {"a": b"hello", "b": b"bye"}
    assert brought(bucket, tmp_path, "a@de") == {"a@de": b"hallo"}


def test_what_is_there_is_not_fetched_again_unless_it_was_damaged(bucket: Any, tmp_path: Path) -> None:
    brought(bucket, tmp_path, "a", "b", "c")
    brought(bucket, tmp_path, "a", "b", "c")
    assert sorted(bucket.asked) == ["a", "b"]
    next(tmp_path.iterdir()).write_bytes(b"torn")
    assert brought(bucket, tmp_path, "a", "b") == {"a": b"hello", "b": b"bye"}
    assert len(bucket.asked) == 3


def test_lines_that_are_alike_share_one_file_that_is_fetched_once(bucket: Any, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    takes = shelf.bring(bucket, "talk", {"b", "bye again"})
    assert takes["b"].path == takes["bye again"].path
    assert (len(bucket.asked), shelf.fetched) == (1, 1)


def test_what_no_line_asks_for_any_more_is_deleted_with_all_that_belongs_to_it(bucket: Any, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    takes = shelf.bring(bucket, "talk", {"a", "b"})
    takes["b"].path.with_suffix(".words.json").write_text("[]")
    shelf.clear([takes["a"]])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"hello"]
