"""Money as whole micro-dollars: no float ever holds an amount."""

import re
from decimal import Decimal
from enum import StrEnum

MICROS_PER_DOLLAR = 1_000_000
UNLIMITED = 2**62
"""The cap of a budget that has none; fits a BIGINT with room for one more hold."""
# A comma stands before three digits only: 2,10 is somebody's 2.10, not 210.
_AMOUNT = re.compile(r"\$? ?((?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.[0-9]{1,6})?)")


class BudgetMode(StrEnum):
    """What a cap means for a run whose plan costs more than is left of it."""

    HARD = "hard"
    """The run is refused before anything starts."""
    SOFT = "soft"
    """It starts, and begins no new call once a cap is reached; what is under way is finished."""


def dollars(micros: int) -> str:
    """Write an amount for people: `$2.10`, and as many more places as it needs: `$0.001260`."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICROS_PER_DOLLAR)
    places = f"{rest:06d}"
    return f"{sign}${whole:,}.{places[:2] if places[2:] == '0000' else places}"


def parse_dollars(text: str) -> int:
    """Read `2.10`, `$2.10`, `1,250` or `2`; raises ValueError where it is not an amount of whole micro-dollars."""
    match = _AMOUNT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r:.60} is not an amount of dollars, such as 25 or 2.10")
    return int(Decimal(match[1].replace(",", "")) * MICROS_PER_DOLLAR)
