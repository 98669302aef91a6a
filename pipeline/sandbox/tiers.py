"""What an account may do at once, by tier.

Requests a minute are the vendor's. Of the audio caps only Tier 0's single MiniMax call in flight is documented;
every other cap, and the token figures, are assumed.
"""

from dataclasses import dataclass

PROVIDERS = ("groq", "vertex", "elevenlabs", "minimax", "openai")


@dataclass(frozen=True, slots=True)
class Tier:
    """`rpm` and `model_rpm` are requests in any 60 seconds; `audio` is calls in flight per upstream provider."""

    tier: int
    name: str
    min_deposit_usd: int
    rpm: int
    model_rpm: int
    audio: int

    @property
    def audio_total(self) -> int:
        """Calls in flight over all providers (assumed: twice the cap of one)."""
        return 2 * self.audio

    def row(self) -> dict[str, object]:
        """Return the tier as `GET /v1/limits/tiers` shows it."""
        return {
            "tier": self.tier,
            "name": self.name,
            "min_deposit": self.min_deposit_usd,
            "rpm": self.rpm,
            "per_model_rpm": self.model_rpm,
            "tpm": 20_000 * self.rpm,
            "max_single_request": 128_000,
            "audio_concurrent": self.audio_total,
            "audio_concurrent_per_provider": dict.fromkeys(PROVIDERS, self.audio),
        }


PUBLIC_TIERS = (
    Tier(0, "Tier 0", 0, 30, 25, 1),
    Tier(1, "Tier 1", 5, 60, 40, 2),
    Tier(2, "Tier 2", 50, 120, 80, 4),
    Tier(3, "Tier 3", 250, 200, 150, 8),
    Tier(4, "Tier 4", 1000, 300, 200, 16),
)
# For load tests: the vendor sells no such tier, so the catalogue lists it only when a key has it.
LAB_TIER = Tier(9, "Lab", 0, 1_000_000, 1_000_000, 128)
_BY_NAME = {str(tier.tier): tier for tier in PUBLIC_TIERS} | {"lab": LAB_TIER}


def parse_tier(text: str) -> Tier:
    """Return the tier named `0` to `4`, `T0` to `T4` or `lab`; ValueError otherwise."""
    tier = _BY_NAME.get(text.strip().lower().removeprefix("t"))
    if tier is None:
        raise ValueError(f"unknown tier {text!r}: use one of {', '.join(_BY_NAME)}")
    return tier
