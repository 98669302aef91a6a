"""A store, and what a user's browser does with the forms and URLs it signs: a folder's and a real S3 server's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.storage.local import LocalStore
from pipeline.storage.port import ObjectStore, ObjectTooLarge, StoreRefused, UploadForm
from pipeline.storage.s3 import S3Store

EARLIER = timedelta(hours=1)


class Twin(ABC):
    """A store, and what a user's browser does with the forms and URLs it signs."""

    store: ObjectStore

    @abstractmethod
    def upload(self, form: UploadForm, body: bytes, **changed: str) -> bool:
        """Post a form and tell whether it was accepted."""

    @abstractmethod
    def fetch(self, url: str) -> tuple[bytes, str | None] | None:
        """Read a URL; None where it is refused."""

    @abstractmethod
    def signed_earlier(self, sign: Callable[[], Any]) -> Any:
        """Sign something an hour ago."""

    @abstractmethod
    def without_a_bucket(self) -> ObjectStore:
        """Return a store whose bucket nobody created."""


class LocalTwin(Twin):
    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC).timestamp()
        self.folder = folder
        self.store = self.local = LocalStore(folder / "store", clock=lambda: self.now)

    def upload(self, form: UploadForm, body: bytes, **changed: str) -> bool:
        try:
            self.local.accept_upload(_changed(form, changed), body)
        except (StoreRefused, ObjectTooLarge):
            return False
        return True

    def fetch(self, url: str) -> tuple[bytes, str | None] | None:
        try:
            return self.local.fetch(url)
        except StoreRefused:
            return None

    def signed_earlier(self, sign: Callable[[], Any]) -> Any:
        self.now -= EARLIER.total_seconds()
        signed = sign()
        self.now += EARLIER.total_seconds()
        return signed

    def without_a_bucket(self) -> ObjectStore:
        return LocalStore(self.folder / "nowhere")


class S3Twin(Twin):
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.weed = request.getfixturevalue("weed")
        self.store = request.getfixturevalue("empty_s3_store")

    def on_bucket(self, bucket: str) -> S3Store:
        return S3Store(self.weed.endpoint, bucket, self.weed.access_key, self.weed.secret_key)

    def upload(self, form: UploadForm, body: bytes, **changed: str) -> bool:
        fields = _changed(form, changed)
        file = {"file": ("f.mp3", body, fields["Content-Type"])}
        return httpx.post(form.url, data=fields, files=file, trust_env=False, timeout=20).is_success

    def fetch(self, url: str) -> tuple[bytes, str | None] | None:
        answer = httpx.get(url, trust_env=False, timeout=20)
        return (answer.content, answer.headers.get("Content-Disposition")) if answer.is_success else None

    def signed_earlier(self, sign: Callable[[], Any]) -> Any:
        then = datetime.now(UTC) - EARLIER
        with pytest.MonkeyPatch.context() as patch:
            for module in ("signers", "auth"):
                patch.setattr(
                    f"botocore.{module}.get_current_datetime",
                    lambda remove_tzinfo=True: then.replace(tzinfo=None) if remove_tzinfo else then,
                )
            return sign()

    def without_a_bucket(self) -> ObjectStore:
        return self.on_bucket("nobody-made-this")


def _changed(form: UploadForm, changed: Mapping[str, str]) -> dict[str, str]:
    return {**form.fields, **{name.replace("_", "-"): value for name, value in changed.items()}}
