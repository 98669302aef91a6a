"""What a voice provider can do for us, in our own words; amounts are integer micro-dollars, times are seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Protocol

from pipeline.delivery import PLAIN, Controls, Delivery
from pipeline.provider.characters import with_han_twice


class ChargeMoment(StrEnum):
    """When a voice is paid for."""

    CREATE = "create"
    """By the call that makes it."""
    FIRST_USE = "first_use"
    """By the first call that speaks with it; the call that makes it is free."""
    NONE = "none"


@dataclass(frozen=True)
class Capabilities:
    """What the provider accepts and how it charges."""

    clone_model: str
    design_model: str
    speech_models: Sequence[str]
    reference_formats: Sequence[str]
    reference_min_seconds: float
    reference_max_seconds: float
    reference_max_bytes: int
    max_chars: int
    formats: Sequence[str]
    label_max_chars: int
    activation_deadline_seconds: int | None
    """A clone that has not spoken by then is deleted upstream; None where it lives for ever."""
    lists_own_voices: bool
    client_chosen_id: bool
    reports_balance: bool
    charge_moment: ChargeMoment
    """When a clone is paid for."""
    one_at_a_time: bool
    """The balance is the evidence: one voice at most may be in the making on one provider account."""
    controls: Controls
    """What of a delivery it can do."""
    lateness_seconds: float
    """How long after its sender's end a paid call may still take effect or show up, caches included."""


@dataclass(frozen=True)
class Prices:
    """The provider's price list: what a call is expected to cost before the provider says what it did cost."""

    clone_micros: int
    design_micros: int
    speech_micros_per_million_chars: Mapping[str, int]
    source: str
    """`provider` when the provider published every price, `table` for the built-in list, `mixed` for some of each."""
    counts_han_twice: bool = False
    """Whether a Chinese character is billed as two."""

    def chars(self, text: str) -> int:
        """Return as how many characters a text is expected to be billed."""
        return with_han_twice(text) if self.counts_han_twice else len(text)

    def speech(self, model: str, chars: int) -> int:
        """Return the expected price of `chars` characters, rounded up to a whole micro-dollar."""
        return -(-chars * self.speech_micros_per_million_chars[model] // 1_000_000)


@dataclass(frozen=True)
class Limits:
    """How much the provider lets one account do at once."""

    tier: str
    concurrent_calls: int
    requests_per_minute: int
    model_requests_per_minute: int
    characters_per_minute: int | None = None
    """Characters to be spoken a minute; None where the provider does not count them."""


@dataclass(frozen=True)
class AccountState:
    """The provider's own word on our account, at `at_ms` of the provider's clock where it tells the time."""

    balance_micros: int | None
    at_ms: int | None = None


@dataclass(frozen=True)
class Cost:
    """What the provider says a call cost, in amounts or in characters; `charged_micros` is None where it said neither.

    A voice's fee that falls due at its first use is in no call's cost.
    """

    charged_micros: int | None
    balance_after_micros: int | None = None
    chars_billed: int | None = None


@dataclass(frozen=True)
class CloneRequest:
    """A reference to be made into a voice. `label` (64 characters at most) carries our attempt's token.

    `chosen_id` is the id we ask for, where `Capabilities.client_chosen_id`; a provider that chooses ignores it.
    """

    reference: BinaryIO
    filename: str
    mime: str
    label: str
    model: str
    chosen_id: str | None = None


@dataclass(frozen=True)
class DesignRequest:
    """A voice described in words; `label` and `chosen_id` as in `CloneRequest`."""

    description: str
    label: str
    model: str
    preview_text: str | None = None
    gender: str | None = None
    age_group: str | None = None
    chosen_id: str | None = None


@dataclass(frozen=True)
class VoiceResult:
    """A voice the provider has made; `raw` is its answer as received, kept as evidence.

    `made_at_ms` is the provider's clock when it answered, where it tells the time.
    """

    provider_voice_id: str
    label: str | None
    cost: Cost
    raw: str
    made_at_ms: int | None = None


class Truth(StrEnum):
    """What became of a paid call whose answer nobody read."""

    MADE = "made"
    NOT_MADE = "not_made"
    CHARGED = "charged"
    """The money has left, and the voice cannot be found."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Balances:
    """The account before the call was sent and now, in micro-dollars.

    `others_low` and `others_high` are the least and the most that our other calls took between the two readings.
    """

    before: int
    now: int
    others_low: int
    others_high: int


@dataclass(frozen=True)
class Doubt:
    """A call that may have made a voice: what was asked for, its price, and what the account shows."""

    request: CloneRequest | DesignRequest
    price_micros: int
    balances: Balances | None


@dataclass(frozen=True)
class Finding:
    """What the provider's evidence says about a doubt.

    `source` is `list` (own voices by label), `same_id` (asked again for the id we chose), `balance` or `none`;
    `told` says in a sentence what was seen, amounts included.
    """

    truth: Truth
    source: str
    told: str
    voice: VoiceResult | None = None


@dataclass(frozen=True)
class SpeechRequest:
    """One call's worth of text, at most `Capabilities.max_chars` characters."""

    model: str
    text: str
    provider_voice_id: str
    format: str
    delivery: Delivery = PLAIN
    """As far as `Capabilities.controls` go."""


@dataclass(frozen=True)
class SpeechResult:
    """The spoken audio as it came."""

    audio: bytes
    content_type: str
    cost: Cost


@dataclass(frozen=True)
class SystemVoice:
    """A voice everyone may use without cloning."""

    provider_voice_id: str
    name: str
    category: str
    description: str
    labels: Mapping[str, str] = field(default_factory=dict)
    preview_url: str | None = None


class VoiceProvider(Protocol):
    """A paid upstream. Every method but `capabilities` goes over the network and raises `ProviderError`.

    No method retries: whether a call may be repeated is decided by the row it serves.
    """

    name: str

    def capabilities(self) -> Capabilities:
        """Return what the provider accepts; no network."""

    def prices(self) -> Prices:
        """Return the price list, the provider's own where it publishes one."""

    def limits(self) -> Limits:
        """Return what this account may do at once."""

    def account(self) -> AccountState:
        """Return the balance, where the provider tells it."""

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        """Clone a voice. Charged; one POST on a fresh connection, never repeated here."""

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        """Make a voice from a description. Charged; one POST, never repeated here."""

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        """Find out whether a call made a voice, without a second voice or fee. Raises where it cannot even ask."""

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        """Speak. Charged by the character."""

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the voices that need no cloning."""
