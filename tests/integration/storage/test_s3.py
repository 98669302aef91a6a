"""What only a real S3 server can show: signatures, rights, load, and that nobody gets in beside them."""

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from botocore.awsrequest import AWSPreparedRequest

from pipeline.storage.port import ObjectExists, ObjectInfo, StorageError, StoreRefused
from pipeline.storage.s3 import S3Store
from tests.support.weed import Weed

AUDIO = "audio/mpeg"


@pytest.fixture
def store(empty_s3_store: S3Store) -> S3Store:
    return empty_s3_store


@pytest.mark.parametrize("wrong", ["secret", "access key"])
def test_wrong_credentials_are_refused_with_the_setting_to_check(
    weed: Weed, store: S3Store, tmp_path: Path, wrong: str
) -> None:
    store.put("k", b"x", content_type=AUDIO)
    planted = "planted-and-wrong-0123456789"
    access_key, secret_key = (planted, weed.secret_key) if wrong == "access key" else (weed.access_key, planted)
    stranger = S3Store(weed.endpoint, store.bucket, access_key, secret_key)
    attempts: list[Callable[[], object]] = [
        stranger.ensure_bucket,
        lambda: stranger.put("new", b"x", content_type=AUDIO),
        lambda: stranger.get("k"),
        lambda: stranger.head("k"),
        lambda: stranger.delete("k"),
        lambda: stranger.download("k", tmp_path / "k", max_bytes=10),
        lambda: list(stranger.list("")),
    ]
    for attempt in attempts:
        with pytest.raises(StoreRefused, match="CALLSHEET_S3_ACCESS_KEY and CALLSHEET_S3_SECRET_KEY") as caught:
            attempt()
        assert store.bucket in str(caught.value)
        assert planted not in f"{caught.value!r}{caught.value.__cause__!r}"
        assert weed.secret_key not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert store.get("k") == b"x"
    assert store.head("new") is None


def test_the_proxy_variables_of_an_office_do_not_reach_for_a_server_on_this_machine(
    weed: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    S3Store(weed.endpoint, "callsheet", weed.access_key, weed.secret_key).ensure_bucket()


def test_through_the_sdk_what_is_in_memory_is_sent_at_once_and_a_file_only_when_it_is_welcome(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_direct", None)

    def note(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(dict(request.headers))

    sent: list[dict[str, object]] = []
    file = tmp_path / "file"
    file.write_bytes(b"x")
    store._writes.meta.events.register("before-send.s3", note)
    store.put("memory", b"x", content_type=AUDIO)
    store.put("file", file, content_type=AUDIO)
    assert ["Expect" in headers for headers in sent] == [False, True]


def test_what_a_line_writes_and_looks_for_is_the_same_past_the_sdk_and_through_it(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, metadata = "takes/a~b-c_d.é/1 2+3.mp3", {"attempt": "tak_1#2", "cost-micros": "300"}
    assert store.head(key) is None
    store.put(key, b"sound", content_type=AUDIO, metadata=metadata)
    found = store.head(key)
    with pytest.raises(ObjectExists):
        store.put(key, b"another", content_type=AUDIO)

    monkeypatch.setattr(store, "_direct", None)
    assert store.head(key) == found == ObjectInfo(key, 5, AUDIO, metadata)
    assert store.get(key) == b"sound"


def test_a_direct_write_that_was_damaged_on_the_way_is_refused(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zlib.crc32", lambda _body: 7)
    with pytest.raises(StorageError):
        store.put("damaged", b"sound", content_type=AUDIO)
    assert store.head("damaged") is None


def test_sixty_four_threads_share_one_store(store: S3Store) -> None:
    def round_trip(number: int) -> bool:
        store.put(f"load/{number}", str(number).encode() * 1000, content_type=AUDIO)
        return store.get(f"load/{number}") == str(number).encode() * 1000

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(round_trip, range(256)))


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_both_checksum_settings_write_and_read(weed: Weed, store: S3Store, tmp_path: Path, checksums: str) -> None:
    again = S3Store(weed.endpoint, store.bucket, weed.access_key, weed.secret_key, checksums=checksums)  # type: ignore[arg-type]
    source = tmp_path / "source"
    source.write_bytes(b"abc" * 100_000)
    again.put("k", source, content_type=AUDIO)

    assert again.get("k") == source.read_bytes()


def test_forms_and_urls_point_to_where_users_reach_the_service(weed: Weed, store: S3Store) -> None:
    public = weed.endpoint.replace("127.0.0.1", "localhost")
    seen = S3Store(weed.endpoint, store.bucket, weed.access_key, weed.secret_key, public_endpoint=public)
    seen.put("k", b"x", content_type=AUDIO)

    assert seen.upload_form("new", content_type=AUDIO, max_bytes=1).url.startswith(f"{public}/{store.bucket}")
    assert httpx.get(seen.download_url("k"), trust_env=False).content == b"x"


def test_a_bucket_name_no_service_takes_is_a_wrong_setting(weed: Weed) -> None:
    with pytest.raises(StoreRefused, match="CALLSHEET_S3_BUCKET"):
        S3Store(weed.endpoint, "no", weed.access_key, weed.secret_key).ensure_bucket()


def test_a_request_without_a_signature_is_refused(weed: Weed, store: S3Store) -> None:
    store.put("k", b"x", content_type=AUDIO)

    assert httpx.get(f"{weed.endpoint}/{store.bucket}/k", trust_env=False).status_code == 403
    assert httpx.put(f"{weed.endpoint}/{store.bucket}/n", content=b"x", trust_env=False).status_code == 403
    assert store.head("n") is None


@pytest.mark.parametrize("service", ["filer", "volume"])
def test_nobody_reads_objects_beside_the_s3_port(weed: Weed, store: S3Store, service: str) -> None:
    store.put("k", b"x", content_type=AUDIO)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{weed.ports[service]}/buckets/{store.bucket}/k", timeout=5)
    caught.value.close()

    assert caught.value.code == 401


def test_the_server_listens_on_loopback_alone_and_on_the_ports_it_was_given(weed: Weed) -> None:
    listening = [c.laddr for c in psutil.Process(weed.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]

    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == set(weed.ports.values())


def test_every_error_on_the_way_to_an_absent_server_is_ours() -> None:
    away = S3Store("http://127.0.0.1:9", "callsheet", "a", "b", connect_seconds=1)

    with pytest.raises(StorageError, match="CALLSHEET_S3_ENDPOINT"):
        away.put("k", b"x", content_type=AUDIO)
