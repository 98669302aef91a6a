from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from workers.stack.sigv4 import Credentials, signed_headers

NOW = datetime(2026, 3, 1, 12, 30, 45, tzinfo=UTC)


@pytest.mark.parametrize("path", ["/callsheet", "/callsheet%20two"])
def test_the_signature_is_that_of_the_sdk(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    request = AWSRequest("PUT", f"http://127.0.0.1:8333{path}", headers={"host": "127.0.0.1:8333"})
    S3SigV4Auth(BotoCredentials("key", "secret"), "s3", "eu-west-1").add_auth(request)
    headers = signed_headers("PUT", "127.0.0.1:8333", path, Credentials("key", "secret", "eu-west-1"), NOW)
    assert headers["x-amz-date"] == request.headers["X-Amz-Date"]
    assert headers["authorization"] == request.headers["Authorization"]


def test_no_secret_is_in_its_representation() -> None:
    assert "secret" not in repr(Credentials("key", "secret", "eu-west-1"))
