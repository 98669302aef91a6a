"""S3 and what speaks it. Nothing of the SDK leaves this module, neither its errors nor our secrets in them.

A write is never repeated here: a conditional PUT whose answer was lost would meet its own object and look like
a lost race. Its caller asks the store what is there. Reads are repeated a few times.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import get_environ_proxies
from pydantic import SecretStr

from pipeline.errors import EnvironmentFault
from pipeline.storage.names import attachment, check_content, check_expiry, check_key, check_prefix, check_upload
from pipeline.storage.port import (
    ObjectExists,
    ObjectInfo,
    ObjectMissing,
    ObjectTooLarge,
    StoreUnavailable,
    UploadForm,
)
from pipeline.storage.s3_direct import AGENT, AskAgain, DirectCalls
from pipeline.storage.s3_errors import code_of, status_of, translate
from pipeline.storage.sigv4 import Credentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

CONNECTIONS = 64
"""One for each thread of the largest worker we run."""

_making = Lock()

READ_ATTEMPTS = 3
CHUNK_BYTES = 1 << 20

Checksums = Literal["when_supported", "when_required"]
"""`when_required` is for services that reject the CRC32 the SDK adds to each PUT since 2025."""


class S3Store:
    """`ObjectStore` on an S3 service. Constructing it is cheap: what connects is made at the first call.

    `endpoint` is None for AWS itself; any other service is addressed by path. `public_endpoint` is where
    signed forms and URLs point when users reach the service under another name than we do. Without keys the
    SDK's own search for credentials applies.

    Raises:
        EnvironmentFault: an endpoint is not a URL.
    """

    def __init__(  # noqa: PLR0913 - one keyword a setting
        self,
        endpoint: str | None,
        bucket: str,
        access_key: SecretStr | str | None,
        secret_key: SecretStr | str | None,
        region: str = "us-east-1",
        *,
        public_endpoint: str | None = None,
        checksums: Checksums = "when_supported",
        connect_seconds: float = 5.0,
        read_seconds: float = 60.0,
        page_size: int = 1000,
    ) -> None:
        self.bucket = bucket
        self._endpoint = _checked_endpoint(endpoint)
        self._public_endpoint = _checked_endpoint(public_endpoint) or self._endpoint
        self._keys = (_plain(access_key), _plain(secret_key))
        self._region = region
        self._checksums = checksums
        self._timeouts = (connect_seconds, read_seconds)
        self._page_size = page_size
        self._lock = Lock()
        self._clients: dict[tuple[str | None, int], S3Client] = {}

    def close(self) -> None:
        """Close the idle connections: some servers wait for them when they are told to stop."""
        with self._lock:
            clients, self._clients = self._clients, {}
            direct = self.__dict__.pop("_direct", None)
        for client in (*clients.values(), *([direct] if direct else [])):
            client.close()

    def ensure_bucket(self) -> None:
        """Create the bucket where it is missing; several processes may do so at once."""
        with self._translated("look for the bucket"):
            try:
                self._reads.head_bucket(Bucket=self.bucket)
            except ClientError as error:
                if status_of(error) != 404:  # noqa: PLR2004 - HTTP
                    raise
                self._create_bucket()

    def put(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write an object; raises `ObjectExists` where there is one."""
        check_key(key)
        check_content(content_type, metadata or {})
        with contextlib.ExitStack() as opened:
            content: bytes | IO[bytes] = opened.enter_context(body.open("rb")) if isinstance(body, Path) else body
            try:
                with self._translated("write", key):
                    self._put(key, content, content_type, metadata or {})
            except ObjectExists:
                raise
            except StoreUnavailable as error:
                # 409 is a write that another one crossed; which of them is there, the store tells.
                if code_of(error.__cause__) == "ConditionalRequestConflict" and self.head(key) is not None:
                    raise ObjectExists(f"Another writer was first with {key!r}.") from error
                raise

    def get(self, key: str) -> bytes:
        """Read a whole object; raises `ObjectMissing`."""
        check_key(key)
        with self._translated("read", key):
            answer = self._reads.get_object(Bucket=self.bucket, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                return body.read()

    def download(self, key: str, path: Path, *, max_bytes: int) -> None:
        """Write an object to `path` in pieces, whole or not at all."""
        check_key(key)
        part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        try:
            with self._translated("read", key):
                answer = self._reads.get_object(Bucket=self.bucket, Key=key)
                self._copy(key, answer, part, max_bytes)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None where there is none."""
        check_key(key)
        with self._translated("look for", key):
            if not self._direct:
                return self._look(self._reads, key)
            try:
                return self._direct.head(key)
            except AskAgain:
                return self._look(self._client(self._endpoint, READ_ATTEMPTS - 1), key)

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""
        check_key(key)
        with contextlib.suppress(ObjectMissing), self._translated("delete", key):
            self._writes.delete_object(Bucket=self.bucket, Key=key)

    def list(self, prefix: str) -> Iterable[ObjectInfo]:
        """Yield the objects under a prefix, page by page."""
        check_prefix(prefix)
        return self._listed(prefix)

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, expires: int = 600) -> UploadForm:
        """Presign a POST; the service refuses another key or type, more bytes, and any change."""
        check_upload(key, content_type, max_bytes, expires)
        with self._translated("sign an upload of", key):
            form = self._signs.generate_presigned_post(
                self.bucket,
                key,
                Fields={"Content-Type": content_type},
                Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
                ExpiresIn=expires,
            )
        return UploadForm(form["url"], form["fields"])

    def download_url(self, key: str, *, filename: str | None = None, expires: int = 600) -> str:
        """Presign a GET that a browser saves under `filename`."""
        check_key(key)
        check_expiry(expires)
        wanted = {"Bucket": self.bucket, "Key": key}
        if filename:
            wanted["ResponseContentDisposition"] = attachment(filename)
        with self._translated("sign a download of", key):
            return self._signs.generate_presigned_url("get_object", Params=wanted, ExpiresIn=expires)

    def _look(self, client: "S3Client", key: str) -> ObjectInfo | None:
        try:
            found = client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if status_of(error) != 404:  # noqa: PLR2004 - HTTP
                raise
            return None
        return ObjectInfo(key, found["ContentLength"], found.get("ContentType", ""), found.get("Metadata", {}))

    def _put(self, key: str, body: bytes | IO[bytes], content_type: str, metadata: Mapping[str, str]) -> None:
        if isinstance(body, bytes) and self._direct:
            self._direct.put(key, body, content_type, metadata)
            return
        self._writes.put_object(
            Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, Metadata=metadata, IfNoneMatch="*"
        )

    def _create_bucket(self) -> None:
        try:
            if self._endpoint is None and self._region != "us-east-1":
                self._writes.create_bucket(
                    Bucket=self.bucket,
                    CreateBucketConfiguration={"LocationConstraint": cast("Literal['EU']", self._region)},
                )
            else:
                self._writes.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            # Another process was first; a bucket of another owner's fails this look with 403.
            if status_of(error) != 409:  # noqa: PLR2004 - HTTP
                raise
            self._reads.head_bucket(Bucket=self.bucket)

    def _copy(self, key: str, answer: "GetObjectOutputTypeDef", part: Path, max_bytes: int) -> None:
        with contextlib.closing(answer["Body"]) as body, part.open("xb") as file:
            if answer["ContentLength"] <= max_bytes:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    file.write(chunk)
                return
        raise ObjectTooLarge(f"{key!r} has {answer['ContentLength']} bytes; at most {max_bytes} were allowed.")

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._translated("list", prefix):
            pages = self._reads.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": self._page_size}
            )
            for page in pages:
                for found in page.get("Contents", []):
                    yield ObjectInfo(found["Key"], found["Size"], "")

    @contextlib.contextmanager
    def _translated(self, doing: str, key: str = "") -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            what = f"{doing} {key!r} in" if key else f"{doing}"
            raise translate(error, f"{what} bucket {self.bucket!r} at {self._endpoint or 'AWS'}") from error

    @cached_property
    def _direct(self) -> DirectCalls | None:
        """What each line needs, at a fifth of the cost; None where only the SDK knows where to, how or as whom."""
        access_key, secret_key = self._keys
        endpoint = self._endpoint
        if not (endpoint and access_key and secret_key) or _is_proxied(endpoint):
            return None
        return DirectCalls(
            f"{endpoint}/{self.bucket}",
            Credentials(access_key, secret_key, self._region),
            checksums=self._checksums == "when_supported",
            timeouts=self._timeouts,
            connections=CONNECTIONS,
            authorities=_core_session().get_config_variable("ca_bundle"),
        )

    @property
    def _reads(self) -> "S3Client":
        return self._client(self._endpoint, READ_ATTEMPTS)

    @property
    def _writes(self) -> "S3Client":
        return self._client(self._endpoint, 1)

    @property
    def _signs(self) -> "S3Client":
        return self._client(self._public_endpoint, 1)

    def _client(self, endpoint: str | None, attempts: int) -> "S3Client":
        with self._lock:
            if (endpoint, attempts) not in self._clients:
                self._clients[endpoint, attempts] = _new_client(
                    *self._keys, region=self._region, endpoint=endpoint, config=self._config(endpoint, attempts)
                )
            return self._clients[endpoint, attempts]

    def _config(self, endpoint: str | None, attempts: int) -> Config:
        connect_seconds, read_seconds = self._timeouts
        return Config(
            signature_version="s3v4",
            user_agent=AGENT,  # the SDK's own is put together anew for each call
            # Regional host names on AWS, where a signed URL must not be redirected; paths elsewhere.
            s3={"addressing_style": "path" if endpoint else "virtual"},
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            max_pool_connections=CONNECTIONS,
            # Names and contents are checked before they come here; a second look is a sixth of what a call costs.
            parameter_validation=False,
            request_checksum_calculation=self._checksums,
            response_checksum_validation=self._checksums,
            # An office's proxy variables must not reach for a server on this machine.
            proxies={} if endpoint and _is_loopback(endpoint) else None,
        )


def warm_up() -> None:
    """Read what every client is made of, 15 MB and half a second, without a connection."""
    _new_client("none", "none", region="us-east-1", endpoint="http://127.0.0.1:1", config=Config()).close()


def _new_client(
    access_key: str | None, secret_key: str | None, *, region: str, endpoint: str | None, config: Config
) -> "S3Client":
    # Using a client is thread-safe; making one is not. They share one session, which holds what they are made of.
    with _making:
        client = _shared_session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=config,
        )
    client.meta.events.register_last("before-call.s3", _send_at_once)
    return client


def _send_at_once(params: Mapping[str, Any], **_: object) -> None:
    """Send what is in memory together with its headers: asking first costs a round trip, and 25 reads of a byte."""
    if isinstance(params.get("body"), BytesIO):
        params["headers"].pop("Expect", None)


@cache
def _shared_session() -> boto3.session.Session:
    return boto3.session.Session(botocore_session=_core_session())


@cache
def _core_session() -> botocore.session.Session:
    return botocore.session.get_session()


def _plain(secret: SecretStr | str | None) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _checked_endpoint(endpoint: str | None) -> str | None:
    if endpoint is None:
        return None
    try:
        url = urlsplit(endpoint)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port or 1) and not url.username
    except ValueError:
        usable = False
    if not usable:
        raise EnvironmentFault(
            "The S3 endpoint is not a URL such as http://127.0.0.1:8333 or https://s3.example.com.",
            hint="Correct CALLSHEET_S3_ENDPOINT; keys belong in CALLSHEET_S3_ACCESS_KEY and CALLSHEET_S3_SECRET_KEY.",
        )
    return endpoint.rstrip("/")


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _is_proxied(endpoint: str) -> bool:
    # Of an office's proxies those that the SDK would use: one for the endpoint's own scheme.
    return not _is_loopback(endpoint) and urlsplit(endpoint).scheme in get_environ_proxies(endpoint)
