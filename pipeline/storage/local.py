"""The bucket as a folder: for tests and for tools where no S3 runs.

    root/objects/<key>/.object/body         the bytes
    root/objects/<key>/.object/about.json   content type and metadata
    root/tmp/                               what is being written
    root/secret                             signs forms and URLs, readable by the owner alone

An object is written whole into `tmp` and then renamed into place. A folder is never renamed over one that has
something in it, so the first writer wins among any number of processes, with body and metadata in one step.
"""

import base64
import contextlib
import errno
import hashlib
import hmac
import io
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import uuid4

from pipeline.storage.names import attachment, check_content, check_expiry, check_key, check_prefix, check_upload
from pipeline.storage.port import (
    InvalidObject,
    ObjectExists,
    ObjectInfo,
    ObjectMissing,
    ObjectTooLarge,
    StoreRefused,
    StoreUnavailable,
    UploadForm,
)

OBJECT = ".object"
CHUNK_BYTES = 1 << 20


class LocalStore:
    """`ObjectStore` in a folder, safe to share between threads and processes of one machine.

    Its forms and URLs are `file:` URLs: `accept_upload` takes what a browser would post to a form, and
    `fetch` reads what a URL names, both with the checks a server makes. `clock` tells the time in seconds.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root.absolute()
        self._objects = self.root / "objects"
        self._clock = clock

    def ensure_bucket(self) -> None:
        """Create the folders and the signing secret where they are missing."""
        with self._translated("create the store"):
            self._objects.mkdir(parents=True, exist_ok=True)
            (self.root / "tmp").mkdir(exist_ok=True)
            self._ensure_secret()

    def put(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write an object; raises `ObjectExists` where there is one."""
        check_content(content_type, metadata or {})
        place = self._place(key)
        about = {"content_type": content_type, "metadata": dict(metadata or {})}
        with _opened(body) as source, self._translated(f"write {key!r}"), self._draft() as draft:
            (draft / "about.json").write_text(json.dumps(about))
            with (draft / "body").open("wb") as file:
                shutil.copyfileobj(source, file, CHUNK_BYTES)
                file.flush()
                os.fsync(file.fileno())
            place.parent.mkdir(parents=True, exist_ok=True)
            _rename_to_new(draft, place, key)

    def get(self, key: str) -> bytes:
        """Read a whole object; raises `ObjectMissing`."""
        with self._translated(f"read {key!r}"), self._body(key).open("rb") as file:
            return file.read()

    def download(self, key: str, path: Path, *, max_bytes: int) -> None:
        """Write an object to `path` in pieces, whole or not at all."""
        part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        with self._translated(f"read {key!r}"):
            body = self._body(key).open("rb")
        with body:
            size = os.fstat(body.fileno()).st_size
            if size > max_bytes:
                raise ObjectTooLarge(f"{key!r} has {size} bytes; at most {max_bytes} were allowed.")
            try:
                with part.open("xb") as file:
                    shutil.copyfileobj(body, file, CHUNK_BYTES)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None where there is none."""
        place = self._place(key)
        try:
            with self._translated(f"look for {key!r}"):
                about = json.loads((place / "about.json").read_text())
                size = (place / "body").stat().st_size
        except ObjectMissing:
            return None
        return ObjectInfo(key, size, about["content_type"], about["metadata"])

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""
        place = self._place(key)
        with self._translated(f"delete {key!r}"), self._draft() as draft, contextlib.suppress(FileNotFoundError):
            # Out of sight in one step; the emptied folders above it stay.
            place.rename(draft / "deleted")

    def list(self, prefix: str) -> Iterable[ObjectInfo]:
        """Yield the objects under a prefix."""
        check_prefix(prefix)
        return self._listed(prefix)

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, expires: int = 600) -> UploadForm:
        """Return a form for `accept_upload`."""
        check_upload(key, content_type, max_bytes, expires)
        policy = {"key": key, "type": content_type, "max_bytes": max_bytes, "expires": self._clock() + expires}
        encoded = base64.b64encode(json.dumps(policy).encode()).decode()
        fields = {"key": key, "Content-Type": content_type, "policy": encoded, "signature": self._sign(encoded)}
        return UploadForm(self.root.as_uri(), fields)

    def accept_upload(self, fields: Mapping[str, str], body: bytes) -> None:
        """Store what was posted to a form; raises `StoreRefused` for anything but what was signed."""
        encoded = fields.get("policy", "")
        if not hmac.compare_digest(self._sign(encoded).encode(), fields.get("signature", "").encode()):
            raise StoreRefused("The form was changed after it was signed. Ask for a new one.")
        policy = json.loads(base64.b64decode(encoded))
        if self._clock() > policy["expires"]:
            raise StoreRefused("The form has expired. Ask for a new one.")
        if (fields.get("key"), fields.get("Content-Type")) != (policy["key"], policy["type"]):
            raise StoreRefused("The form was signed for another key or content type. Ask for a new one.")
        if not 1 <= len(body) <= policy["max_bytes"]:
            raise ObjectTooLarge(f"The upload has {len(body)} bytes; 1 to {policy['max_bytes']} are allowed.")
        self.put(policy["key"], body, content_type=policy["type"])

    def download_url(self, key: str, *, filename: str | None = None, expires: int = 600) -> str:
        """Return a `file:` URL for `fetch`; its path is the object's own file."""
        check_expiry(expires)
        query = {"expires": str(int(self._clock() + expires))}
        if filename:
            query["response-content-disposition"] = attachment(filename)
        address = f"{self._body(key).as_uri()}?{urlencode(query)}"
        return f"{address}&{urlencode({'signature': self._sign(address)})}"

    def fetch(self, url: str) -> tuple[bytes, str | None]:
        """Return the bytes a URL names and their Content-Disposition; raises `StoreRefused`, `ObjectMissing`."""
        address, _, signature = url.rpartition("&signature=")
        if not hmac.compare_digest(self._sign(address).encode(), signature.encode()):
            raise StoreRefused("The URL was changed after it was signed. Ask for a new one.")
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        if self._clock() > int(query["expires"][0]):
            raise StoreRefused("The URL has expired. Ask for a new one.")
        with self._translated("read a signed URL"):
            return Path(unquote(parts.path)).read_bytes(), query.get("response-content-disposition", [None])[0]

    def _place(self, key: str) -> Path:
        check_key(key)
        if OBJECT in key.split("/"):
            raise InvalidObject(f"The key {key!r:.100} holds {OBJECT!r}, which this store keeps for itself.")
        return self._objects / key / OBJECT

    def _body(self, key: str) -> Path:
        return self._place(key) / "body"

    @contextlib.contextmanager
    def _draft(self) -> Iterator[Path]:
        draft = self.root / "tmp" / uuid4().hex
        draft.mkdir()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._translated(f"list {prefix!r}"):
            for folder, below, _ in os.walk(self._objects / prefix.rpartition("/")[0]):
                if OBJECT not in below:
                    continue
                below.remove(OBJECT)
                key = Path(folder).relative_to(self._objects).as_posix()
                # An object that goes while the list is made is not listed.
                with contextlib.suppress(FileNotFoundError):
                    size = Path(folder, OBJECT, "body").stat().st_size
                    if key.startswith(prefix):
                        yield ObjectInfo(key, size, "")

    def _ensure_secret(self) -> None:
        draft = self.root / "tmp" / uuid4().hex
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, self.root / "secret")
        draft.unlink()

    def _sign(self, text: str) -> str:
        with self._translated("sign"):
            secret = (self.root / "secret").read_bytes()
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if not self._objects.is_dir():
                raise StoreRefused(f"There is no store at {self.root}. Create it, or correct its path.") from error
            raise ObjectMissing(f"The store could not {doing}: it is not there.") from error
        except OSError as error:
            raise StoreUnavailable(f"The store could not {doing} at {self.root}: {error.strerror}.") from error


def _opened(body: bytes | Path) -> BinaryIO:
    return body.open("rb") if isinstance(body, Path) else io.BytesIO(body)


def _rename_to_new(draft: Path, place: Path, key: str) -> None:
    try:
        draft.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise ObjectExists(f"There is an object {key!r} already.") from error
        raise
