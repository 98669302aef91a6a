"""Writes and looks that are made for every line, past the SDK's model of operations.

They use the SDK's own signer and its own HTTP session, and leave out what it does between the two for each call:
endpoint rules, some ten events, serialisers, parsers. `docs/decisions/0021-short-calls-to-the-bucket.md` says what
that costs a line. Refusals are told in the SDK's own errors; a look that told nothing is left to the SDK to repeat.
"""

import base64
import re
import socket
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from pipeline.storage.port import ObjectInfo

AGENT = "callsheet"
METADATA = "x-amz-meta-"
REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""Headers and body go out as two writes, the second of which would wait for the answer to the first."""


class AskAgain(Exception):
    """A look has told nothing; another one may."""


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

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None where there is none.

        Raises:
            AskAgain: there was no answer, or none that is about the object.
            ClientError: the service refused to tell.
        """
        try:
            answer = self._send("HEAD", key, b"", {})
        except BotoCoreError as error:
            raise AskAgain from error
        status, headers = answer.status_code, answer.headers
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status == HTTPStatus.OK:
            return ObjectInfo(key, int(headers["content-length"]), headers.get("content-type", ""), _metadata(headers))
        if status in REFUSALS:
            raise _refusal(answer, "HeadObject")
        raise AskAgain

    def put(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        """Write an object where there is none.

        Raises:
            ClientError: the service refused it, or failed.
            BotoCoreError: it was not reached, or did not answer.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        headers |= {f"{METADATA}{name}": value for name, value in metadata.items()}
        if self._checksums:
            headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
            headers["x-amz-checksum-crc32"] = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        answer = self._send("PUT", key, body, headers)
        if answer.status_code != HTTPStatus.OK:
            raise _refusal(answer, "PutObject")

    def _send(self, method: str, key: str, body: bytes, headers: dict[str, str]) -> AWSResponse:
        url = f"{self._bucket_url}/{quote(key, safe='/~')}"
        request = AWSRequest(method, url, {"User-Agent": AGENT, **headers}, body)
        self._signer.add_auth(request)
        return self._http.send(request.prepare())


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    # Services write names as they like; ours are in lower case.
    named = ((name.lower(), value) for name, value in headers.items())
    return {name.removeprefix(METADATA): value for name, value in named if name.startswith(METADATA)}


def _refusal(answer: AWSResponse, operation: str) -> ClientError:
    found = CODE.search(answer.content)
    code = found[1].decode("ascii", "replace") if found else str(answer.status_code)
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": answer.status_code}},  # type: ignore[typeddict-item]
        operation,
    )
