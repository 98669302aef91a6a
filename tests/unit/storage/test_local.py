"""What is the folder's own: what lies on the disk, and what a crash or another process leaves there."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from pipeline.storage.local import LocalStore
from pipeline.storage.port import InvalidObject, ObjectExists, StoreRefused, StoreUnavailable


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "store")
    made.ensure_bucket()
    return made


def drafts(store: LocalStore) -> list[Path]:
    return list((store.root / "tmp").iterdir())


def test_an_object_lies_under_its_own_name(store: LocalStore) -> None:
    store.put("speech/take.mp3", b"ID3", content_type="audio/mpeg")

    assert (store.root / "objects/speech/take.mp3/.object/body").read_bytes() == b"ID3"
    assert drafts(store) == []


def test_a_write_that_fails_half_way_leaves_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        store.put("take", b"x", content_type="audio/mpeg")
    monkeypatch.undo()

    assert store.head("take") is None
    assert list(store.list("")) == []
    assert drafts(store) == []
    store.put("take", b"y", content_type="audio/mpeg")


def test_a_lost_race_and_a_deletion_leave_no_drafts(store: LocalStore) -> None:
    store.put("take", b"x", content_type="audio/mpeg")
    with pytest.raises(ObjectExists):
        store.put("take", b"y", content_type="audio/mpeg")
    store.delete("take")
    store.delete("take")

    assert drafts(store) == []


def write_in_a_process_of_its_own(root: Path, number: int) -> bool:
    try:
        LocalStore(root).put("race", str(number).encode(), content_type="text/plain")
    except ObjectExists:
        return False
    return True


def test_of_many_processes_one_wins(store: LocalStore) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        won = processes.starmap(write_in_a_process_of_its_own, [(store.root, number) for number in range(20)], 1)

    assert won.count(True) == 1
    assert store.get("race") == str(won.index(True)).encode()


def test_the_stores_own_name_is_no_key(store: LocalStore) -> None:
    with pytest.raises(InvalidObject, match=r"keeps for itself"):
        store.put("a/.object", b"x", content_type="text/plain")
    with pytest.raises(InvalidObject, match=r"keeps for itself"):
        store.get("a/.object/body")


def test_the_signing_secret_is_the_owners_alone_and_is_made_once(store: LocalStore) -> None:
    secret = store.root / "secret"
    before = secret.read_bytes()
    LocalStore(store.root).ensure_bucket()

    assert secret.read_bytes() == before
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_form_of_another_store_is_refused(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    other.ensure_bucket()
    form = other.upload_form("k", content_type="text/plain", max_bytes=5)

    with pytest.raises(StoreRefused, match="changed after it was signed"):
        store.accept_upload(form.fields, b"x")


def test_a_form_is_taken_once(store: LocalStore) -> None:
    form = store.upload_form("k", content_type="text/plain", max_bytes=5)
    store.accept_upload(form.fields, b"first")

    with pytest.raises(ObjectExists):
        store.accept_upload(form.fields, b"later")


def test_a_store_nobody_created_says_where_it_was_looked_for(tmp_path: Path) -> None:
    nowhere = LocalStore(tmp_path / "nowhere")

    for attempt in (lambda: nowhere.get("k"), lambda: nowhere.head("k"), lambda: nowhere.download_url("k")):
        with pytest.raises(StoreRefused, match=r"no store at .*nowhere"):
            attempt()
