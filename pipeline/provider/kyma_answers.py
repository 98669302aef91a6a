"""Kyma's answers, read into our words. Nothing here raises on what a server may send."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx

from pipeline.provider.money import micros_or_none, price_or_none
from pipeline.provider.port import Cost, Limits, SystemVoice

LONGEST_RETRY_AFTER = 300.0
"""Seconds. The vendor says "usually 5 s or less"; a larger figure must not park a queue for hours."""

LONGEST_VOICE_ID = 256
DEFAULT_CONCURRENCY = 1
DEFAULT_RPM, DEFAULT_MODEL_RPM = 30, 25
"""Tier 0, as documented: what every account may do."""

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


def cost(headers: httpx.Headers, body: Mapping[str, Any] | None = None) -> Cost:
    """Return what the call cost: its headers first, its body where they are silent, None where both are."""
    said = body or {}
    return Cost(
        charged_micros=_first(price_or_none, headers.get("X-Kyma-Cost-USD"), said.get("cost_usd")),
        balance_after_micros=_first(micros_or_none, headers.get("X-Kyma-Balance-USD"), said.get("balance_usd")),
        chars_billed=_count(headers.get("X-Kyma-Chars-Billed")),
    )


def _first(read: Callable[[object], int | None], *amounts: object) -> int | None:
    return next((micros for amount in amounts if (micros := read(amount)) is not None), None)


def _count(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None


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


def balance(answer: Mapping[str, Any]) -> int | None:
    """Return the account's balance in micro-dollars."""
    return _first(micros_or_none, answer.get("balance"), answer.get("balance_usd"))


def rows(answer: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list in an answer."""
    listed = answer.get(name)
    yield from (row for row in listed if isinstance(row, dict)) if isinstance(listed, list) else ()


def voices(answer: Mapping[str, Any]) -> list[SystemVoice]:
    """Return the voices of a catalogue; an entry without an id is no voice."""
    return [_voice(row) for row in rows(answer, "data") if voice_id(row)]


def _voice(row: Mapping[str, Any]) -> SystemVoice:
    labels = row.get("labels")
    return SystemVoice(
        provider_voice_id=str(row["voice_id"]),
        name=str(row.get("name") or row["voice_id"]),
        category=str(row.get("category") or ""),
        description=str(row.get("description") or ""),
        labels={str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        preview_url=str(row["preview_url"]) if row.get("preview_url") else None,
    )


def tiers(answer: Mapping[str, Any]) -> list[Limits]:
    """Return the tiers of a tier matrix, the smallest first."""
    found = [_tier(row) for row in rows(answer, "tiers")]
    return sorted(found, key=lambda tier: (tier.requests_per_minute, tier.concurrent_calls))


def _tier(row: Mapping[str, Any]) -> Limits:
    by_provider = row.get("audio_concurrent_per_provider")
    minimax = _count(by_provider.get("minimax")) if isinstance(by_provider, dict) else None
    return Limits(
        tier=tier_name(row.get("tier", row.get("name", ""))),
        concurrent_calls=minimax or DEFAULT_CONCURRENCY,
        requests_per_minute=_count(row.get("rpm")) or DEFAULT_RPM,
        model_requests_per_minute=_count(row.get("per_model_rpm")) or DEFAULT_MODEL_RPM,
    )


def tier_name(tier: object) -> str:
    """Return a tier as we write it: `T1` for `1`, `"1"`, `"T1"` and `"tier 1"`."""
    text = str(tier).strip()
    numbered = re.fullmatch(r"(?:t|tier)?[ _-]*([0-9]+)", text, re.IGNORECASE)
    return f"T{int(numbered[1])}" if numbered else text


def tier_for(matrix: list[Limits], rpm_limit: object) -> Limits:
    """Return the largest tier within the account's own request limit, the smallest where it is not told."""
    allowed = _count(rpm_limit) or 0
    return next((tier for tier in reversed(matrix) if tier.requests_per_minute <= allowed), matrix[0])
