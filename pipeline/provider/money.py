"""US dollars as a provider writes them, into the integer micro-dollars we keep. No float on the way."""

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

LARGEST_USD = Decimal(9_000_000_000)
"""What still fits a signed 64-bit count of micro-dollars."""

_DIGITS = 64
_NUMBER = re.compile(rf"[+-]?[0-9]{{1,{_DIGITS}}}(\.[0-9]{{0,{_DIGITS}}})?([eE][+-]?[0-9]{{1,3}})?")


def micros_from_usd(amount: str | int | Decimal) -> int:
    """Return `amount` dollars as micro-dollars; halves beyond the sixth place go to the even neighbour.

    Raises:
        ValueError: not a finite decimal number, or more than a ledger column holds.
    """
    text = str(amount).strip()
    if not _NUMBER.fullmatch(text) or abs(Decimal(text)) > LARGEST_USD:
        raise ValueError(f"not an amount of dollars: {text[:40]!r}")
    with localcontext(prec=3 * _DIGITS):
        return int((Decimal(text) * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


def micros_or_none(amount: object) -> int | None:
    """Return `amount` dollars as micro-dollars, or None where the provider sent nothing usable."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        return None
    try:
        return micros_from_usd(amount)
    except ValueError:
        return None


def price_or_none(amount: object) -> int | None:
    """Return a price or a charge as micro-dollars; a negative one is nothing usable."""
    micros = micros_or_none(amount)
    return None if micros is None or micros < 0 else micros
