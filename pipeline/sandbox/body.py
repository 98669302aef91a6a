"""Reading request bodies: bounded, hashed, and taken apart off the event loop."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, create_form_parser
from starlette.requests import Request

from pipeline.sandbox import errors
from pipeline.sandbox.calls import Call

MAX_JSON_BYTES = 1_000_000
# Part headers, boundaries and text fields around a file of the largest size.
FORM_OVERHEAD_BYTES = 64_000
MAX_FIELD_BYTES = 16_000
MAX_PARTS = 32


@dataclass(frozen=True, slots=True)
class Upload:
    """One file part; `content_type` is empty when the part declares none."""

    data: bytes
    file_name: str
    content_type: str

    @property
    def sha256(self) -> str:
        """Return the hash of the file alone: boundaries make each body differ."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(slots=True)
class Form:
    """A multipart body, taken apart."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def add_field(self, part: Field) -> None:
        """Keep a text field."""
        try:
            self.fields[_text(part.field_name)] = (part.value or b"").decode()
        except UnicodeDecodeError:
            raise errors.invalid(f"field {_text(part.field_name)!r} is not UTF-8 text") from None

    def add_file(self, part: File) -> None:
        """Keep a file."""
        part.file_object.seek(0)
        upload = Upload(part.file_object.read(), _text(part.file_name), part.content_type or "")
        self.files[_text(part.field_name)] = upload


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


async def drain(request: Request) -> None:
    """Read a body to its end and keep nothing."""
    async for _ in request.stream():
        pass


async def read_body(request: Request, call: Call, limit_bytes: int) -> bytes:
    """Return the body and log its hash; 413 beyond the limit.

    What is too much is still read to its end, because a client that is writing does not see an early answer.
    """
    chunks: list[bytes] = []
    digest = hashlib.sha256()
    async for chunk in request.stream():
        call.body_bytes += len(chunk)
        digest.update(chunk)
        if call.body_bytes <= limit_bytes:
            chunks.append(chunk)
    call.body_sha256 = digest.hexdigest()
    if call.body_bytes > limit_bytes:
        raise errors.too_large("the request body", limit_bytes)
    return b"".join(chunks)


def parse_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise errors.invalid(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise errors.invalid("the body must be a JSON object")
    return value


def parse_form(content_type: str, body: bytes) -> Form:
    """Take a multipart body apart; files stay in memory, since the body was bounded before."""
    if not content_type.lower().startswith("multipart/form-data"):
        raise errors.invalid("the body must be multipart/form-data")
    form = Form()
    bounds = {
        "MAX_MEMORY_FILE_SIZE": len(body) + 1,
        "MAX_FIELD_SIZE": MAX_FIELD_BYTES,
        "MAX_FIELDS": MAX_PARTS,
    }
    try:
        parser = create_form_parser({"Content-Type": content_type.encode()}, form.add_field, form.add_file, bounds)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise errors.invalid(f"the form cannot be read: {error}") from error
    return form
