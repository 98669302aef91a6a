"""The call log: one row a request, written before its work starts and again with what became of it."""

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter

MAX_HEADER = 128


class Delivery(StrEnum):
    """What the caller was given; `pending` stays when the server died first."""

    PENDING = "pending"
    ANSWERED = "answered"
    RESET = "reset"
    TRUNCATED = "truncated"
    VANISHED = "vanished"


def new_request_id() -> str:
    """Return an id for the `x-request-id` header, which is also the key of the call log."""
    return f"req_{secrets.token_hex(12)}"


@dataclass(slots=True)
class Call:
    """One request; the order of the fields is the order of the columns.

    `status` is what the server decided, `delivery` what reached the wire, `vanished` whether the caller hung up
    before its answer was complete. `charged` is in micro-dollars.
    """

    at_ms: int
    method: str
    route: str
    request_id: str = field(default_factory=new_request_id)
    user: str = ""
    key_id: str = ""
    body_sha256: str = ""
    body_bytes: int = 0
    file_sha256: str = ""
    label: str = ""
    idempotency_key: str = ""
    retry_count: str = ""
    faults: str = ""
    status: int | None = None
    error_code: str = ""
    charged: int = 0
    delivery: Delivery = Delivery.PENDING
    vanished: bool = False

    def read_headers(self, headers: Mapping[str, str]) -> None:
        """Keep what tells a retry from a first attempt."""
        self.idempotency_key = headers.get("idempotency-key", "")[:MAX_HEADER]
        self.retry_count = headers.get("x-stainless-retry-count", "")[:MAX_HEADER]

    def row(self) -> tuple[str | int | None, ...]:
        """Return the column values as they are now, to be written on another thread."""
        values: tuple[str | int | None, ...] = _VALUES(self)
        return values


_COLUMNS = tuple(column.name for column in fields(Call))
_VALUES = attrgetter(*_COLUMNS)
_SAVE = (
    f"INSERT INTO calls ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)}) "  # noqa: S608 - our own fields
    f"ON CONFLICT (request_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)


def save_call(connection: sqlite3.Connection, row: tuple[str | int | None, ...]) -> None:
    """Write the row of a call, replacing what was known before."""
    connection.execute(_SAVE, row)
