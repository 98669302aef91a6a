"""AWS Signature Version 4 for a request without a body.

That is all the readiness probe needs of S3, and an SDK takes a third of a second to import. Source:
docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Credentials:
    """Who asks, and the region the service says it is in."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str


def signed_headers(
    method: str, host: str, path: str, credentials: Credentials, now: datetime | None = None
) -> dict[str, str]:
    """Return the headers of a signed request; `path` is already quoted, and there is no query."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{EMPTY}"
    scope = f"{stamp[:8]}/{credentials.region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = _signature(credentials.secret_key, scope, f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}")
    credential = f"{credentials.access_key}/{scope}"
    headers["authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _signature(secret_key: str, scope: str, text: str) -> str:
    key = f"AWS4{secret_key}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
