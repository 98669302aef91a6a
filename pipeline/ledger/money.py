"""Money as whole micro-dollars: no float ever holds an amount."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

MICROS_PER_DOLLAR = 1_000_000
UNLIMITED = 2**62
"""The cap of a budget that has none; fits a BIGINT with room for one more hold."""


def dollars(micros: int) -> str:
    """Write an amount for people: `$2.10`, and as many more places as it needs: `$0.001260`."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICROS_PER_DOLLAR)
    places = f"{rest:06d}"
    return f"{sign}${whole:,}.{places[:2] if places[2:] == '0000' else places}"


def parse_dollars(text: str) -> int:
    """Read `2.10`, `$2.10` or `2`; raises ValueError where it is not an amount of whole micro-dollars."""
    try:
        amount = Decimal(text.strip().removeprefix("$").replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of dollars, such as 25 or 2.10") from None
    micros = amount * MICROS_PER_DOLLAR
    if not micros.is_finite() or micros < 0 or micros != micros.to_integral_value():
        raise ValueError(f"{text!r} is not an amount of dollars, such as 25 or 2.10")
    return int(micros.to_integral_value(ROUND_HALF_EVEN))
