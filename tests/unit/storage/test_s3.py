"""What the S3 adapter makes of answers a good server seldom gives, and how often it asks."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import EnvironmentFault
from pipeline.storage import s3_errors
from pipeline.storage.port import (
    ObjectExists,
    ObjectMissing,
    StorageError,
    StoreRefused,
    StoreUnavailable,
)
from pipeline.storage.s3 import S3Store
from pipeline.storage.s3_errors import translate
from tests.support.stub_http import Received, Script, answering, breaking_off, http, reset, stub_server

SECRET = "planted-secret-key-0123456789"


def refusal(status: int, code: str) -> bytes:
    return http(
        status, f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>", content_type="application/xml"
    )


def by_method(**answers: bytes) -> Script:
    def script(connection: socket.socket, request: Received) -> None:
        connection.sendall(answers[request.method])

    return script


def store_at(endpoint: str) -> S3Store:
    return S3Store(endpoint.removesuffix("/v1"), "callsheet", "AK", SECRET, read_seconds=2)


def put(store: S3Store) -> object:
    store.put("k", b"body", content_type="audio/mpeg")
    return None


def get(store: S3Store) -> object:
    return store.get("k")


def head(store: S3Store) -> object:
    return store.head("k")


def delete(store: S3Store) -> object:
    store.delete("k")
    return None


@pytest.mark.parametrize(
    ("call", "script", "meaning", "requests"),
    [
        (put, answering(refusal(503, "SlowDown")), StoreUnavailable, 1),
        (put, answering(refusal(500, "InternalError")), StoreUnavailable, 1),
        (put, reset, StoreUnavailable, 1),
        (put, answering(refusal(403, "AccessDenied")), StoreRefused, 1),
        (put, answering(refusal(403, "RequestTimeTooSkewed")), StoreRefused, 1),
        (put, answering(refusal(412, "PreconditionFailed")), ObjectExists, 1),
        (put, answering(refusal(418, "Teapot")), StorageError, 1),
        (delete, answering(refusal(503, "SlowDown")), StoreUnavailable, 1),
        (get, answering(refusal(404, "NoSuchKey")), ObjectMissing, 1),
        (get, answering(refusal(404, "NoSuchBucket")), StoreRefused, 1),
        (get, answering(refusal(503, "SlowDown")), StoreUnavailable, 3),
        (get, reset, StoreUnavailable, 3),
        (get, breaking_off(http(200, b"half", claimed_length=100)), StoreUnavailable, 1),
        (head, answering(http(503)), StoreUnavailable, 3),
        (head, answering(http(403)), StoreRefused, 1),
        (head, reset, StoreUnavailable, 3),
    ],
)
def test_each_answer_has_its_class_and_only_reads_are_repeated(
    call: Callable[[S3Store], object], script: Script, meaning: type[StorageError], requests: int
) -> None:
    with stub_server(script) as stub:
        store = store_at(stub.url)
        with pytest.raises(StorageError) as caught:
            call(store)
        store.close()

    assert type(caught.value) is meaning, caught.value
    assert len(stub.requests) == requests
    assert SECRET not in f"{caught.value!r}"
    assert "'k' in bucket 'callsheet' at http://127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(("there", "meaning"), [(200, ObjectExists), (404, StoreUnavailable)])
def test_a_write_that_another_crossed_is_settled_by_what_is_there(there: int, meaning: type[StorageError]) -> None:
    script = by_method(PUT=refusal(409, "ConditionalRequestConflict"), HEAD=http(there))
    with stub_server(script) as stub:
        store = store_at(stub.url)
        with pytest.raises(meaning):
            put(store)
        store.close()

    assert [request.method for request in stub.requests] == ["PUT", "HEAD"]


def test_a_write_is_conditional() -> None:
    with stub_server(answering(http(200))) as stub:
        store = store_at(stub.url)
        put(store)
        store.close()

    assert stub.requests[0].headers["if-none-match"] == "*"


def test_a_bucket_of_somebody_else_is_refused() -> None:
    looks = iter([404, 403])

    def script(connection: socket.socket, request: Received) -> None:
        connection.sendall(http(next(looks)) if request.method == "HEAD" else refusal(409, "BucketAlreadyExists"))

    with stub_server(script) as stub:
        store = store_at(stub.url)
        with pytest.raises(StoreRefused, match="bucket 'callsheet'"):
            store.ensure_bucket()
        store.close()


def test_nothing_is_connected_or_loaded_before_the_first_call() -> None:
    store = store_at("http://127.0.0.1:9")

    assert store._clients == {}


@pytest.mark.parametrize(
    "endpoint", ["", "127.0.0.1:8333", "ftp://x", "http://", "http://user:pw@x", "http://x:port", "http://[::1"]
)
def test_an_endpoint_that_is_no_url_fails_at_start(endpoint: str) -> None:
    with pytest.raises(EnvironmentFault, match="S3 endpoint") as caught:
        S3Store(endpoint, "callsheet", "AK", SECRET)

    assert "CALLSHEET_S3_ENDPOINT" in caught.value.hint


def test_on_aws_itself_names_are_regional_and_nothing_is_asked_to_sign() -> None:
    store = S3Store(None, "callsheet-demo", "AK", SECRET, "eu-central-1")

    assert store.download_url("k").startswith("https://callsheet-demo.s3.eu-central-1.amazonaws.com/k?")


def test_a_missing_secret_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(StoreRefused, match="CALLSHEET_S3_ACCESS_KEY"):
        S3Store("http://127.0.0.1:9", "callsheet", None, None).get("k")


SDK_FAILURES: list[type[BotoCoreError]] = [
    boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ReadTimeoutError, boto.ConnectionClosedError,
    boto.SSLError, boto.ProxyConnectionError, boto.HTTPClientError, boto.ResponseStreamingError,
]  # fmt: skip


@pytest.mark.parametrize("failure", SDK_FAILURES)
def test_every_failure_of_the_connection_may_be_tried_again(failure: type[BotoCoreError]) -> None:
    error = failure(error="x", endpoint_url="x", proxy_url="x", request=None)

    assert type(translate(error, "read 'k'")) is StoreUnavailable


def test_an_unknown_failure_of_the_sdk_is_still_ours() -> None:
    assert type(translate(BotoCoreError(), "read 'k'")) is StorageError


def test_an_answer_without_any_detail_is_still_ours() -> None:
    assert type(translate(ClientError({}, "GetObject"), "read 'k'")) is StorageError


def test_every_meaning_of_the_table_says_what_could_not_be_done() -> None:
    for code in s3_errors.CODES:
        said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        error = translate(ClientError(said, "PutObject"), "write 'k'")  # type: ignore[arg-type]
        assert str(error).startswith(f"The store could not write 'k' (400 {code}).")
        assert type(error) is s3_errors.CODES[code][0]
