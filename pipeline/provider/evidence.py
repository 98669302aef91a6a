"""What an account's balance says about a call whose answer nobody read. Pure; amounts are micro-dollars."""

from pipeline.provider.port import Balances, Truth


def weigh(balances: Balances, price: int) -> Truth:
    """Return CHARGED or NOT_MADE where only one of them explains the drop of the balance, else UNKNOWN.

    Neither explains it after a top-up or beside a second user of the key; both do where too much else was spent.
    A balance that has risen tells nothing: by how much it was topped up nobody knows, and where `others_low` is below
    zero, because much was held and may not have been spent, the rise would pass for that.
    """
    drop = balances.before - balances.now
    if drop < 0:
        return Truth.UNKNOWN
    charged = balances.others_low <= drop - price <= balances.others_high
    absent = balances.others_low <= drop <= balances.others_high
    if charged == absent:
        return Truth.UNKNOWN
    return Truth.CHARGED if charged else Truth.NOT_MADE


def told(balances: Balances, price: int) -> str:
    """Say what the two readings show, in dollars."""
    drop = balances.before - balances.now
    others = _usd(balances.others_low)
    if balances.others_high != balances.others_low:
        others += f" to {_usd(balances.others_high)}"
    return (
        f"The balance went from {_usd(balances.before)} to {_usd(balances.now)}, a drop of {_usd(drop)};"
        f" our other calls took {others}, and this one costs {_usd(price)}."
    )


def _usd(micros: int) -> str:
    dollars, rest = divmod(abs(micros), 1_000_000)
    cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}${dollars}.{cents}"
