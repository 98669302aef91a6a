from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from pipeline.storage.sigv4 import Credentials, signed_headers

NOW = datetime(2026, 3, 1, 12, 30, 45, tzinfo=UTC)
TAKE = {"content-type": "audio/mpeg", "if-none-match": "*", "x-amz-meta-attempt": "tak_1#2", "x-amz-meta-note": "a  b "}


@pytest.mark.parametrize("path", ["/callsheet", "/callsheet%20two", "/callsheet/a~b/%C3%A9%2B.mp3"])
@pytest.mark.parametrize(("headers", "body"), [({}, b""), (TAKE, b"sound")], ids=["bare", "take"])
def test_the_signature_is_that_of_the_sdk(
    path: str, headers: Mapping[str, str], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    host = "127.0.0.1:8333"
    request = AWSRequest("PUT", f"http://{host}{path}", headers={"host": host, **headers}, data=body)
    S3SigV4Auth(BotoCredentials("key", "secret"), "s3", "eu-west-1").add_auth(request)
    signed = signed_headers("PUT", host, path, Credentials("key", "secret", "eu-west-1"), headers, body, NOW)
    assert signed["x-amz-date"] == request.headers["X-Amz-Date"]
    assert signed["authorization"] == request.headers["Authorization"]


def test_no_secret_is_in_its_representation() -> None:
    assert "secret" not in repr(Credentials("key", "secret", "eu-west-1"))
