"""Amounts are integer micro-dollars; dollars exist only on the wire and on the command line."""

from decimal import Decimal, InvalidOperation

MICROS_PER_USD = 1_000_000


def parse_usd(text: str) -> int:
    """Return dollars written as a decimal string in micro-dollars; ValueError when that is not exact."""
    try:
        micros = Decimal(text) * MICROS_PER_USD
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount in dollars") from None
    if not micros.is_finite() or micros != int(micros):
        raise ValueError(f"{text!r} is not a whole number of micro-dollars: six decimals at most")
    return int(micros)


def format_usd(micros: int) -> str:
    """Write micro-dollars as exact decimal dollars, with two decimals at least: 2_100_000 is `2.10`."""
    dollars, rest = divmod(abs(micros), MICROS_PER_USD)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{dollars}.{decimals}"


def usd_number(micros: int) -> float:
    """Return dollars as the JSON number the vendor documents.

    The nearest double prints as the exact decimal for any amount below a billion dollars.
    """
    return micros / MICROS_PER_USD
