"""What Kyma charges: its own price list where it publishes a row, the built-in table where it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.provider.answers import rows
from pipeline.provider.money import price_or_none
from pipeline.provider.port import Prices

CLONE_MODEL = "minimax-voice-clone"
DESIGN_MODEL = "minimax-voice-design"


@dataclass(frozen=True)
class TableRow:
    """A price we carry ourselves, and what it rests on."""

    micros: int
    """Micro-dollars a call, or a million characters."""
    basis: str
    """`documented` by the vendor, or `assumed` by us."""


MAKING = {
    CLONE_MODEL: TableRow(2_100_000, "documented"),
    DESIGN_MODEL: TableRow(4_200_000, "documented"),
}
SPEECH = {
    # No price of these two is published. Clone and design are both sold at 1.4 times MiniMax's own
    # price; the same factor on its 0.10 and 0.06 a thousand characters gives these.
    "minimax-speech-hd": TableRow(140_000_000, "assumed"),
    "minimax-speech-turbo": TableRow(84_000_000, "assumed"),
    "eleven-v3": TableRow(405_000_000, "documented"),
    "eleven-multilingual-v2": TableRow(405_000_000, "documented"),
    "eleven-flash-v2-5": TableRow(200_000_000, "documented"),
    "eleven-turbo-v2-5": TableRow(200_000_000, "documented"),
}

CHARS_PER_UNIT = {
    "usd_per_char": 1,
    "usd_per_1k_chars": 1_000,
    "usd_per_1k": 1_000,
    "usd_per_1m_chars": 1_000_000,
    "usd_per_million_chars": 1_000_000,
}
"""Assumed names: the `detail` of a per-character row is not documented. An unknown one falls back to the table."""


def table() -> Prices:
    """Return the built-in price list."""
    return Prices(
        clone_micros=MAKING[CLONE_MODEL].micros,
        design_micros=MAKING[DESIGN_MODEL].micros,
        speech_micros_per_million_chars={model: row.micros for model, row in SPEECH.items()},
        source="table",
    )


def from_catalogue(answer: Mapping[str, Any]) -> Prices:
    """Return the provider's prices, each missing one from the table; `source` says which of the two it was."""
    media = {str(row.get("id")): row for row in rows(answer, "media")}
    calls = {model: price_or_none(media.get(model, {}).get("usd_per_call")) for model in MAKING}
    speech = {model: _per_million(media.get(model, {})) for model in SPEECH}
    missing = [price is None for price in (*calls.values(), *speech.values())]
    return Prices(
        clone_micros=_or_table(calls, MAKING, CLONE_MODEL),
        design_micros=_or_table(calls, MAKING, DESIGN_MODEL),
        speech_micros_per_million_chars={model: _or_table(speech, SPEECH, model) for model in SPEECH},
        source="table" if all(missing) else "mixed" if any(missing) else "provider",
    )


def _or_table(said: Mapping[str, int | None], fallback: Mapping[str, TableRow], model: str) -> int:
    price = said[model]
    return fallback[model].micros if price is None else price


def _per_million(row: Mapping[str, Any]) -> int | None:
    detail = row.get("detail")
    if row.get("pricing_mode") != "per-char" or not isinstance(detail, dict):
        return None
    priced = (
        (detail[key], chars) for key, chars in CHARS_PER_UNIT.items() if price_or_none(detail.get(key)) is not None
    )
    return next((price_or_none(Decimal(usd) * (1_000_000 // chars)) for usd, chars in priced), None)
