"""What the sandbox is started with."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pipeline.sandbox.money import parse_usd
from pipeline.sandbox.shares import parse_shares
from pipeline.sandbox.tiers import PUBLIC_TIERS, Tier, parse_tier

KEYS_VARIABLE = "CALLSHEET_SANDBOX_KEYS"
KEY_FORM = "KEY=USER[:TIER[:BALANCE_USD]]"
ENGINES = ("auto", "natural", "pico", "tone")
DEFAULT_BALANCE_USD = "100"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and the user it speaks for; `balance` in micro-dollars is granted when the user is first seen."""

    key: str = field(repr=False)
    user: str
    tier: Tier = PUBLIC_TIERS[0]
    balance: int = parse_usd(DEFAULT_BALANCE_USD)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KEY=USER[:TIER[:BALANCE_USD]]`; ValueError says what is wrong without repeating the key."""
        key, separator, rest = text.strip().partition("=")
        user, tier, balance = [*rest.split(":", 2), "", ""][:3]
        if not (key and separator and user):
            raise ValueError(f"a key is written {KEY_FORM}")
        granted = parse_usd(balance or DEFAULT_BALANCE_USD)
        if granted < 0:
            raise ValueError(f"user {user!r}: the balance may not be negative, got {balance}")
        return cls(key, user, parse_tier(tier or "0"), granted)


def parse_keys(text: str) -> list[ApiKey]:
    """Read keys separated by commas or white space, as the environment variable holds them."""
    return [ApiKey.parse(word) for word in re.split(r"[,\s]+", text) if word]


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything the server needs; the defaults are the vendor's behaviour as far as it is documented."""

    db: Path
    keys: tuple[ApiKey, ...]
    engine: str = "auto"
    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: int = 0
    list_clones: bool = False
    idempotency: bool = False
    expire_unused: bool = False
    bad_audio: str = ""
    """Shares of bad takes, as `spoiling.parse_shares` reads them."""
    bad_audio_seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be served."""
        if not self.keys:
            raise ValueError(f"no API key: give --key {KEY_FORM} or set {KEYS_VARIABLE}")
        if len({entry.key for entry in self.keys}) < len(self.keys):
            raise ValueError("the same API key is given twice")
        if self.engine not in ENGINES:
            raise ValueError(f"unknown engine {self.engine!r}: use one of {', '.join(ENGINES)}")
        if self.latency_ms < 0:
            raise ValueError(f"the latency may not be negative, got {self.latency_ms} ms")
        parse_shares(self.bad_audio)
        tiers: dict[str, Tier] = {}
        for entry in self.keys:
            if tiers.setdefault(entry.user, entry.tier) != entry.tier:
                raise ValueError(f"user {entry.user!r} has keys of two tiers: a tier belongs to the user")
