"""A line's own calls to the bucket, where the SDK would otherwise see to it: over TLS, and behind a proxy."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.storage.port import ObjectInfo, StoreUnavailable
from pipeline.storage.s3 import S3Store
from tests.support import certificates


class Bucket(BaseHTTPRequestHandler):
    """Has every object that is looked for, and takes every other."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _answer(self) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": "0", "Content-Type": "audio/mpeg", "X-Amz-Meta-Chars": "7"}.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certificates.server(tmp_path)


@pytest.fixture
def store(certificate: Path) -> Iterator[S3Store]:
    server = HTTPServer(("127.0.0.1", 0), Bucket)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(certificate)
    server.socket = secured.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    at = S3Store(f"https://127.0.0.1:{server.server_port}", "callsheet", "key", "secret", read_seconds=2)
    yield at
    at.close()
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_service_that_nobody_vouches_for_gets_nothing(store: S3Store) -> None:
    with pytest.raises(StoreUnavailable, match="SSLError"):
        store.put("k", b"sound", content_type="audio/mpeg")
    with pytest.raises(StoreUnavailable, match="SSLError"):
        store.head("k")


def test_a_studios_own_authority_is_believed(
    store: S3Store, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert store._direct is not None
    store.put("k", b"sound", content_type="audio/mpeg")
    assert store.head("k") == ObjectInfo("k", 0, "audio/mpeg", {"chars": "7"})


@pytest.mark.parametrize(
    ("variables", "is_direct"),
    [
        ({}, True),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, False),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, True),
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "studio.example"}, True),
    ],
)
def test_through_an_offices_proxy_only_the_sdk_finds_its_way(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, is_direct: bool
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (S3Store("https://studio.example", "callsheet", "key", "secret")._direct is not None) is is_direct
