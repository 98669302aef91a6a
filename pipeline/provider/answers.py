"""What the answers of all providers have in common. Nothing here raises on what a server may send."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx

LONGEST_RETRY_AFTER = 300.0
"""Seconds. The vendors say "usually 5 s or less"; a larger figure must not park a queue for hours."""

LONGEST_VOICE_ID = 256

_TAGS = re.compile(r"<(style|script|head)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def document(body: bytes) -> dict[str, Any] | None:
    """Return a JSON object with its numbers exact, or None where the body is not one."""
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def error_detail(body: bytes) -> tuple[str | None, str]:
    """Return the provider's code and message; an HTML page of an edge server gives its visible text."""
    envelope = document(body)
    if envelope is None:
        return None, " ".join(_TAGS.sub(" ", body[:4096].decode("utf-8", "replace")).split())[:200]
    detail = envelope.get("error", envelope)
    if not isinstance(detail, dict):
        return None, str(detail)[:300]
    code = detail.get("code") or detail.get("type")
    return (code[:64] if isinstance(code, str) else None), str(detail.get("message") or "")[:300]


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds to wait, from a number or an HTTP date, capped; None where nothing usable is said."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        seconds = float(value)
    elif (moment := _http_date(value)) is not None:
        # Against the server's own clock where it tells it: ours may be off.
        now = _http_date(headers.get("Date", ""))
        seconds = moment - (time.time() if now is None else now)
    else:
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def clock_ms(headers: httpx.Headers) -> int | None:
    """Return the server's own clock in milliseconds since the epoch, from its `Date` header."""
    moment = _http_date(headers.get("Date", ""))
    return None if moment is None else round(moment * 1000)


def _http_date(value: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def voice_id(answer: Mapping[str, Any] | None) -> str | None:
    """Return the voice an answer names, or None where it names none that could be stored and spoken with."""
    found = (answer or {}).get("voice_id")
    usable = isinstance(found, str) and re.fullmatch(rf"[!-~]{{1,{LONGEST_VOICE_ID}}}", found)
    return found if usable else None


def rows(answer: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list in an answer."""
    listed = answer.get(name)
    yield from (row for row in listed if isinstance(row, dict)) if isinstance(listed, list) else ()


def count(value: object) -> int | None:
    """Return a whole number of at most 12 digits, or None."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None
