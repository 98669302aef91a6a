"""The price list a plan is made with, as it was last read from the provider."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.errors import EnvironmentFault
from pipeline.ledger.models import PriceList
from pipeline.provider.port import Prices


def store_prices(session: Session, provider: str, prices: Prices) -> None:
    """Keep a provider's price list."""
    row = session.get(PriceList, provider) or PriceList(provider=provider)
    row.prices = asdict(prices)
    row.read_at = now_ms()
    session.add(row)


def load_prices(session: Session, provider: str) -> Prices:
    """Return the price list of a provider; raises `EnvironmentFault` where none was ever read."""
    row = session.get(PriceList, provider)
    if row is None:
        raise EnvironmentFault(
            f"The price list of {provider} has not been read yet.",
            hint="Is the sweeper running and the provider within reach? `callsheet doctor` tells.",
        )
    return Prices(**row.prices)
