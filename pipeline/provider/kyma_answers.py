"""Kyma's answers, read into our words. Nothing here raises on what a server may send."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from pipeline.provider.answers import count, document, error_detail, rows, voice_id
from pipeline.provider.exchange import Answer
from pipeline.provider.money import micros_or_none, price_or_none
from pipeline.provider.port import Cost, Limits, SystemVoice

DEFAULT_CONCURRENCY = 1
DEFAULT_RPM, DEFAULT_MODEL_RPM = 30, 25
"""Tier 0, as documented: what every account may do."""


def refusal(answer: Answer) -> tuple[str | None, str] | None:
    """Return the code and message of an answer that says it was not done, None where it says it was."""
    return None if answer.is_success else error_detail(answer.body)


def charged(answer: Answer) -> int | None:
    """Return what an answer of any kind says the call cost, in micro-dollars."""
    return cost(answer.headers, document(answer.body)).charged_micros


def cost(headers: httpx.Headers, body: Mapping[str, Any] | None = None) -> Cost:
    """Return what the call cost: its headers first, its body where they are silent, None where both are."""
    said = body or {}
    return Cost(
        charged_micros=_first(price_or_none, headers.get("X-Kyma-Cost-USD"), said.get("cost_usd")),
        balance_after_micros=_first(micros_or_none, headers.get("X-Kyma-Balance-USD"), said.get("balance_usd")),
        chars_billed=count(headers.get("X-Kyma-Chars-Billed")),
    )


def _first(read: Callable[[object], int | None], *amounts: object) -> int | None:
    return next((micros for amount in amounts if (micros := read(amount)) is not None), None)


def balance(answer: Mapping[str, Any]) -> int | None:
    """Return the account's balance in micro-dollars."""
    return _first(micros_or_none, answer.get("balance"), answer.get("balance_usd"))


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
    minimax = count(by_provider.get("minimax")) if isinstance(by_provider, dict) else None
    return Limits(
        tier=tier_name(row.get("tier", row.get("name", ""))),
        concurrent_calls=minimax or DEFAULT_CONCURRENCY,
        requests_per_minute=count(row.get("rpm")) or DEFAULT_RPM,
        model_requests_per_minute=count(row.get("per_model_rpm")) or DEFAULT_MODEL_RPM,
    )


def tier_name(tier: object) -> str:
    """Return a tier as we write it: `T1` for `1`, `"1"`, `"T1"` and `"tier 1"`."""
    text = str(tier).strip()
    numbered = re.fullmatch(r"(?:t|tier)?[ _-]*([0-9]+)", text, re.IGNORECASE)
    return f"T{int(numbered[1])}" if numbered else text


def tier_for(matrix: list[Limits], rpm_limit: object) -> Limits:
    """Return the largest tier within the account's own request limit, the smallest where it is not told."""
    allowed = count(rpm_limit) or 0
    return next((tier for tier in reversed(matrix) if tier.requests_per_minute <= allowed), matrix[0])
