"""The port's one suite: a folder and a real S3 server have to pass the same tests."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.storage.port import (
    InvalidObject,
    ObjectExists,
    ObjectInfo,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    StorageError,
    StoreRefused,
    UploadForm,
)
from tests.integration.storage.twins import LocalTwin, S3Twin, Twin

pytestmark = pytest.mark.xdist_group("weed")  # asked for by the adapters, not by the tests

AUDIO = "audio/mpeg"


@pytest.fixture(params=["local", "s3"])
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Twin:
    made: Twin = LocalTwin(tmp_path) if request.param == "local" else S3Twin(request)
    made.store.ensure_bucket()
    return made


@pytest.fixture
def store(twin: Twin) -> ObjectStore:
    return twin.store


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [found.key for found in store.list(prefix)]


def test_what_was_written_is_read_back_with_its_type_and_metadata(store: ObjectStore) -> None:
    metadata = {"cost-micros": "2800", "attempt": "a b;c=d"}
    store.put("speech/take.mp3", b"\x00ID3\xff", content_type=AUDIO, metadata=metadata)

    assert store.get("speech/take.mp3") == b"\x00ID3\xff"
    assert store.head("speech/take.mp3") == ObjectInfo("speech/take.mp3", 5, AUDIO, metadata)


def test_a_file_is_written_without_naming_it(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    source.write_bytes(bytes(range(256)) * 12_000)
    store.put("big.wav", source, content_type="audio/wav")

    assert store.get("big.wav") == source.read_bytes()
    assert source.exists()


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("empty", b"", content_type="text/plain")

    assert store.get("empty") == b""
    assert store.head("empty") == ObjectInfo("empty", 0, "text/plain", {})


def test_what_is_missing_is_missing(store: ObjectStore, tmp_path: Path) -> None:
    assert store.head("nothing/here") is None
    with pytest.raises(ObjectMissing, match="nothing/here"):
        store.get("nothing/here")
    with pytest.raises(ObjectMissing, match="nothing/here"):
        store.download("nothing/here", tmp_path / "x", max_bytes=10)
    assert list(tmp_path.glob("*x*")) == []
    store.delete("nothing/here")


def test_nothing_is_ever_overwritten(store: ObjectStore) -> None:
    store.put("take", b"first", content_type=AUDIO, metadata={"attempt": "1"})
    with pytest.raises(ObjectExists, match="take"):
        store.put("take", b"second", content_type="audio/wav", metadata={"attempt": "2"})

    assert store.get("take") == b"first"
    assert store.head("take") == ObjectInfo("take", 5, AUDIO, {"attempt": "1"})


def test_of_many_writers_one_wins_and_nothing_is_mixed(store: ObjectStore) -> None:
    ready = threading.Barrier(16)

    def write(number: int) -> bool:
        ready.wait(20)
        try:
            body = f"{number:04d}".encode() * 5000
            store.put("race/take", body, content_type=AUDIO, metadata={"attempt": str(number)})
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(16) as writers:
        won = list(writers.map(write, range(16)))

    assert won.count(True) == 1
    winner = won.index(True)
    found = store.head("race/take")
    assert store.get("race/take") == f"{winner:04d}".encode() * 5000
    assert found is not None
    assert found.metadata == {"attempt": str(winner)}


def test_a_deleted_key_is_free_again(store: ObjectStore) -> None:
    store.put("a/b", b"1", content_type=AUDIO)
    store.delete("a/b")
    store.delete("a/b")
    assert store.head("a/b") is None
    assert keys(store, "a") == []

    store.put("a/b", b"2", content_type=AUDIO)
    assert store.get("a/b") == b"2"


@pytest.mark.parametrize(
    "key",
    [
        "héros/Œuvre ü.mp3",
        "旅人/🎙/一.mp3",
        "sp ace/plus+and%20.x",
        "q?x=1&y=#z",
        "quote'\"<>",
        "UPPER/lower",
        "~tilde=,;:@$!*()",
    ],
)
def test_keys_in_any_script_are_kept_as_they_are(twin: Twin, key: str) -> None:
    twin.store.put(key, key.encode(), content_type=AUDIO)

    assert twin.store.get(key) == key.encode()
    assert keys(twin.store, key[:1]) == [key]
    assert twin.fetch(twin.store.download_url(key)) == (key.encode(), None)


def test_a_key_may_begin_like_another(store: ObjectStore) -> None:
    for key in ("p", "p-q", "pq", "pqr/s", "pq-r/s"):
        store.put(key, key.encode(), content_type=AUDIO)
    store.delete("p")

    assert sorted(keys(store, "p")) == ["p-q", "pq", "pq-r/s", "pqr/s"]
    assert store.get("pq") == b"pq"


def test_a_list_of_many_pages_names_each_object_under_the_prefix_once(store: ObjectStore) -> None:
    wanted = [f"speech/acc/{part}{number:02d}" for part in ("", "x-", "x/", "y/z/") for number in range(6)]
    for key in [*wanted, "speech/acd/1", "speech2/acc/1", "other"]:
        store.put(key, b"abc", content_type=AUDIO)

    found = list(store.list("speech/acc/"))
    assert sorted(info.key for info in found) == sorted(wanted)
    assert {(info.size, info.content_type, *info.metadata) for info in found} == {(3, "")}
    assert sorted(keys(store, "speech/acc/x")) == sorted(key for key in wanted if "/x" in key)
    assert len(keys(store, "")) == len(wanted) + 3
    assert keys(store, "none/such") == []


BAD_KEYS = ["", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../x", "a/../../x", "a/./b", "a\\b", "a\x00b", "a\nb",
            "\ud83d", "k" * 256, "k/" * 511 + "kkk", "${filename}"]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_key_that_climbs_or_cannot_be_kept_is_refused_everywhere(
    store: ObjectStore, tmp_path: Path, key: str
) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: store.put(key, b"x", content_type=AUDIO),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.download(key, tmp_path / "x", max_bytes=1),
        lambda: store.upload_form(key, content_type=AUDIO, max_bytes=1),
        lambda: store.download_url(key),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidObject):
            attempt()


@pytest.mark.parametrize("prefix", ["../", "a/../../", "a\x00"], ids=ascii)
def test_a_prefix_that_climbs_is_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidObject):
        store.list(prefix)


@pytest.mark.parametrize(
    "metadata",
    [{"Upper": "x"}, {"a_b": "x"}, {"": "x"}, {"a": "é"}, {"a": "x\ny"}, {"a": " x"}, {"a": ""}, {"a": "x" * 3000}],
    ids=ascii,
)
def test_metadata_that_would_change_on_the_way_is_refused(store: ObjectStore, metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidObject):
        store.put("k", b"x", content_type=AUDIO, metadata=metadata)
    assert store.head("k") is None


@pytest.mark.parametrize("content_type", ["", "audio", "audio/mpeg\r\nX: y", "text/plain; charset"], ids=ascii)
def test_what_is_no_content_type_is_refused(store: ObjectStore, content_type: str) -> None:
    with pytest.raises(InvalidObject):
        store.put("k", b"x", content_type=content_type)


def test_a_download_is_whole_or_not_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put("take", b"0123456789", content_type=AUDIO)
    target = tmp_path / "target" / "take.mp3"
    target.parent.mkdir()

    with pytest.raises(ObjectTooLarge, match="10 bytes; at most 9"):
        store.download("take", target, max_bytes=9)
    assert list(target.parent.iterdir()) == []

    target.write_bytes(b"older")
    store.download("take", target, max_bytes=10)
    assert target.read_bytes() == b"0123456789"
    assert list(target.parent.iterdir()) == [target]


def test_a_download_into_no_folder_names_the_folder(store: ObjectStore, tmp_path: Path) -> None:
    store.put("take", b"0123456789", content_type=AUDIO)

    with pytest.raises(FileNotFoundError, match="nowhere"):
        store.download("take", tmp_path / "nowhere" / "x", max_bytes=10)


def test_a_source_file_that_is_missing_is_named(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
        store.put("k", tmp_path / "gone.wav", content_type="audio/wav")
    assert store.head("k") is None


def test_an_upload_as_signed_is_accepted(twin: Twin) -> None:
    form = twin.store.upload_form("inbox/acc/sheet ü.csv", content_type="text/csv", max_bytes=10)

    assert twin.upload(form, b"0123456789")
    assert twin.store.get("inbox/acc/sheet ü.csv") == b"0123456789"
    assert twin.store.head("inbox/acc/sheet ü.csv") == ObjectInfo("inbox/acc/sheet ü.csv", 10, "text/csv", {})


@pytest.mark.parametrize("body", [b"", b"0123456789X"], ids=["empty", "too large"])
def test_an_upload_of_another_size_is_refused(twin: Twin, body: bytes) -> None:
    form = twin.store.upload_form("inbox/1", content_type=AUDIO, max_bytes=10)

    assert not twin.upload(form, body)
    assert twin.store.head("inbox/1") is None


@pytest.mark.parametrize("changed", [{"key": "inbox/2"}, {"Content_Type": "text/html"}], ids=ascii)
def test_an_upload_under_another_key_or_type_is_refused(twin: Twin, changed: dict[str, str]) -> None:
    form = twin.store.upload_form("inbox/1", content_type=AUDIO, max_bytes=10)

    assert not twin.upload(form, b"x", **changed)
    assert keys(twin.store, "inbox") == []


def test_an_upload_with_a_policy_or_signature_of_ones_own_is_refused(twin: Twin) -> None:
    form = twin.store.upload_form("inbox/1", content_type=AUDIO, max_bytes=10)
    roomy = twin.store.upload_form("inbox/1", content_type=AUDIO, max_bytes=1000)
    signature = next(name for name in form.fields if name.lower().endswith("signature"))

    assert not twin.upload(UploadForm(form.url, {**form.fields, "policy": roomy.fields["policy"]}), b"x")
    assert not twin.upload(UploadForm(form.url, {**form.fields, signature: "0" * 64}), b"x")
    assert keys(twin.store, "inbox") == []


def test_an_upload_after_its_time_is_refused(twin: Twin) -> None:
    def sign() -> UploadForm:
        return twin.store.upload_form("inbox/1", content_type=AUDIO, max_bytes=10, expires=600)

    assert not twin.upload(twin.signed_earlier(sign), b"x")
    assert keys(twin.store, "inbox") == []


def test_a_signed_url_gives_the_object_under_the_name_it_is_saved_as(twin: Twin) -> None:
    twin.store.put("take", b"ID3", content_type=AUDIO)
    fetched = twin.fetch(twin.store.download_url("take", filename='Mära "1"/2.mp3'))

    assert fetched is not None
    body, disposition = fetched
    assert body == b"ID3"
    assert disposition == "attachment; filename=\"M_ra _1__2.mp3\"; filename*=UTF-8''M%C3%A4ra%20%221%22%2F2.mp3"


def test_a_signed_url_that_was_changed_or_is_too_old_is_refused(twin: Twin) -> None:
    twin.store.put("take", b"ID3", content_type=AUDIO)
    twin.store.put("tape", b"not yours", content_type=AUDIO)
    url = twin.store.download_url("take", filename="a.mp3")

    assert twin.fetch(url) is not None
    assert twin.fetch(url.replace("take", "tape")) is None
    assert twin.fetch(url.replace("a.mp3", "b.mp3")) is None
    assert twin.fetch(url[:-4] + "0000") is None
    assert twin.fetch(twin.signed_earlier(lambda: twin.store.download_url("take"))) is None


@pytest.mark.parametrize("expires", [0, -1, 604_801])
def test_a_signature_that_no_store_would_honour_is_not_made(store: ObjectStore, expires: int) -> None:
    with pytest.raises(InvalidObject, match="604800"):
        store.download_url("take", expires=expires)
    with pytest.raises(InvalidObject, match="604800"):
        store.upload_form("take", content_type=AUDIO, max_bytes=1, expires=expires)


def test_a_form_that_takes_nothing_is_not_made(store: ObjectStore) -> None:
    with pytest.raises(InvalidObject, match="at least 1"):
        store.upload_form("take", content_type=AUDIO, max_bytes=0)


def test_the_bucket_is_made_once_by_many_at_the_same_time(twin: Twin) -> None:
    new = twin.on_bucket(f"callsheet-{uuid4().hex[:12]}") if isinstance(twin, S3Twin) else twin.without_a_bucket()
    ready = threading.Barrier(8)

    def ensure(_: int) -> None:
        ready.wait(20)
        new.ensure_bucket()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ensure, range(8)))
    new.put("k", b"x", content_type=AUDIO)
    new.ensure_bucket()
    assert new.get("k") == b"x"


def test_without_a_bucket_a_setting_is_wrong_and_nothing_is_missing(twin: Twin) -> None:
    nowhere = twin.without_a_bucket()

    with pytest.raises(StoreRefused):
        nowhere.put("k", b"x", content_type=AUDIO)
    with pytest.raises(StoreRefused):
        nowhere.get("k")


def test_every_error_of_a_store_is_one_of_ours() -> None:
    assert {InvalidObject, ObjectExists, ObjectMissing, ObjectTooLarge, StoreRefused} <= set(
        StorageError.__subclasses__()
    )
