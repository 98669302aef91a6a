"""Writes and looks that are made for every line, past the SDK and its model of operations.

`docs/decisions/0022-a-line-stays-near-the-floor.md` says what the SDK costs a line. Refusals are told in the SDK's own
errors; a look that told nothing is left to the SDK to repeat.
"""

import base64
import re
import socket
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from urllib3 import BaseHTTPResponse, Timeout, connection_from_url, exceptions

from pipeline.storage.port import ObjectInfo
from pipeline.storage.sigv4 import Credentials, signed_headers

AGENT = "callsheet"
METADATA = "x-amz-meta-"
REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""Headers and body go out as two writes, the second of which would wait for the answer to the first."""
FAILURES: Mapping[type[exceptions.HTTPError], type[BotoCoreError]] = {
    exceptions.NewConnectionError: EndpointConnectionError,
    exceptions.ConnectTimeoutError: ConnectTimeoutError,
    exceptions.ReadTimeoutError: ReadTimeoutError,
    exceptions.ProtocolError: ConnectionClosedError,
    exceptions.SSLError: SSLError,
}
"""What the SDK calls a failure of the connection; all others are its `HTTPClientError`."""


class AskAgain(Exception):
    """A look has told nothing; another one may."""


class DirectCalls:
    """Signed calls to one bucket of a service that is addressed by path. Safe for threads."""

    def __init__(
        self,
        bucket_url: str,
        credentials: Credentials,
        *,
        checksums: bool,
        timeouts: tuple[float, float],
        connections: int,
        authorities: str | None,
    ) -> None:
        split = urlsplit(bucket_url)
        self._url, self._path = bucket_url, split.path
        self._host = split.netloc.removesuffix({"http": ":80", "https": ":443"}[split.scheme])
        self._credentials = credentials
        self._checksums = checksums
        connect_seconds, read_seconds = timeouts
        trust: dict[str, Any] = (
            {"ca_certs": authorities or get_cert_path(verify=True)} if split.scheme == "https" else {}
        )
        self._http = connection_from_url(
            bucket_url,
            timeout=Timeout(connect=connect_seconds, read=read_seconds),
            maxsize=connections,
            retries=False,
            socket_options=AT_ONCE,
            **trust,
        )

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
        status, headers = answer.status, answer.headers
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
        headers = {"content-type": content_type, "if-none-match": "*"}
        headers |= {f"{METADATA}{name}": value for name, value in metadata.items()}
        if self._checksums:
            headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
            headers["x-amz-checksum-crc32"] = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        answer = self._send("PUT", key, body, headers)
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, "PutObject")

    def _send(self, method: str, key: str, body: bytes, headers: Mapping[str, str]) -> BaseHTTPResponse:
        path = f"{self._path}/{quote(key, safe='/~')}"
        signed = signed_headers(method, self._host, path, self._credentials, headers, body)
        signed["user-agent"] = AGENT
        try:
            return self._http.urlopen(method, path, body or None, signed, redirect=False)
        except exceptions.HTTPError as failure:
            kind = next((ours for theirs, ours in FAILURES.items() if isinstance(failure, theirs)), HTTPClientError)
            raise kind(endpoint_url=self._url, error=failure) from failure


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    # Services write names as they like; ours are in lower case.
    named = ((name.lower(), value) for name, value in headers.items())
    return {name.removeprefix(METADATA): value for name, value in named if name.startswith(METADATA)}


def _refusal(answer: BaseHTTPResponse, operation: str) -> ClientError:
    found = CODE.search(answer.data)
    code = found[1].decode("ascii", "replace") if found else str(answer.status)
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": answer.status}},  # type: ignore[typeddict-item]
        operation,
    )
