"""Writes and looks that are made for every line, past the SDK's model of operations.

They use the SDK's own signer and its own HTTP session, and leave out what it does between the two for each call:
endpoint rules, some ten events, serialisers, parsers. `docs/decisions/0021-short-calls-to-the-bucket.md` says what
that costs a line. Whatever is not the expected answer is told in the SDK's own errors, or left to the SDK to ask again.
"""

import base64
import re
import socket
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""Headers and body go out as two writes, the second of which would wait for the answer to the first."""


class DirectCalls:
    """Signed calls to one bucket of a service that is addressed by path. Safe for threads."""

    def __init__(  # noqa: PLR0913 - one keyword a setting
        self,
        bucket_url: str,
        *,
        access_key: str,
        secret_key: str,
        region: str,
        checksums: bool,
        timeouts: tuple[float, float],
        connections: int,
        proxies: Mapping[str, str],
        verify: str | bool,
    ) -> None:
        self._bucket_url = bucket_url
        self._signer = S3SigV4Auth(Credentials(access_key, secret_key), "s3", region)
        self._checksums = checksums
        # The SDK gives its own session the same; the stubs know of fewer types.
        options: dict[str, Any] = {"verify": verify, "timeout": timeouts, "socket_options": AT_ONCE}
        self._http = URLLib3Session(proxies=dict(proxies), max_pool_connections=connections, **options)

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def is_missing(self, key: str) -> bool:
        """Say whether the service knows of no such object; False where it gave any other answer, or none."""
        try:
            return bool(self._send("HEAD", key, b"", {}).status_code == 404)  # noqa: PLR2004 - HTTP
        except BotoCoreError:
            return False

    def put(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        """Write an object where there is none.

        Raises:
            ClientError: the service refused it, or failed.
            BotoCoreError: it was not reached, or did not answer.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        headers |= {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        if self._checksums:
            headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
            headers["x-amz-checksum-crc32"] = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        answer = self._send("PUT", key, body, headers)
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP
            raise _refusal(answer)

    def _send(self, method: str, key: str, body: bytes, headers: dict[str, str]) -> AWSResponse:
        url = f"{self._bucket_url}/{quote(key, safe='/~')}"
        request = AWSRequest(method, url, {"User-Agent": "callsheet", **headers}, body)
        self._signer.add_auth(request)
        return self._http.send(request.prepare())


def _refusal(answer: AWSResponse) -> ClientError:
    found = CODE.search(answer.content)
    code = found[1].decode("ascii", "replace") if found else str(answer.status_code)
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": answer.status_code}},  # type: ignore[typeddict-item]
        "PutObject",
    )
