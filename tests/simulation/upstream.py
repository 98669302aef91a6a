"""The provider: its own book, and an API that makes a voice, writes whose it is, charges, and then answers.

Where in this order a call breaks off is drawn from the seed; what is done is done, whoever hears of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from pipeline.provider import evidence
from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
)
from pipeline.provider.port import (
    AccountState,
    Capabilities,
    ChargeMoment,
    CloneRequest,
    Cost,
    DesignRequest,
    Doubt,
    Finding,
    Limits,
    Prices,
    SpeechRequest,
    SpeechResult,
    SystemVoice,
    Truth,
    VoiceResult,
)
from tests.simulation.world import World
from tests.support.fakes import MODEL, PRICES, PROVIDER

LONGEST_WORK_MS = 20_000
CLONE_TIMEOUT_SECONDS = 180.0
LONGEST_LATENESS_MS = 55_000
"""How long after a request was sent it may still take effect; a voice is charged `CHARGE_MS` later at most."""
LIST_CACHE_MS = 60_000
CHARGE_MS = 2_000
"""A voice is there for so long before it is charged."""
ID_EXISTS = "2039"


class Fate(Enum):
    """Where a call breaks off."""

    ANSWERED = auto()
    RESET_BEFORE = auto()
    """Nothing was done."""
    RESET_AFTER = auto()
    """All was done."""
    LATE = auto()
    """It is done after the caller has heard that the connection broke."""
    UNREADABLE = auto()
    """All was done, and the answer is no voice."""


UNCLEAR = (Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.UNREADABLE)


@dataclass(eq=False)
class Made:
    """A voice in the provider's book."""

    voice_id: str
    label: str
    price: int
    made_at: int
    charged: bool = False


@dataclass
class Book:
    """What the provider knows to be true."""

    balance: int
    voices: list[Made] = field(default_factory=list)
    spoken: int = 0
    """What speech was charged, in micro-dollars."""
    topped_up: int = 0

    def of(self, label: str) -> list[Made]:
        """Return what was made under a label."""
        return [made for made in self.voices if made.label == label]

    def named(self, voice_id: str) -> Made | None:
        """Return the voice of that id."""
        return next((made for made in self.voices if made.voice_id == voice_id), None)

    def charges(self) -> list[Made]:
        """Return the voices that were paid for."""
        return [made for made in self.voices if made.charged]

    def charge(self, made: Made) -> None:
        """Take a voice's price from the balance, once."""
        if not made.charged:
            made.charged = True
            self.balance -= made.price


class Watch:
    """Sees each request that makes a voice arrive at the provider."""

    def arriving(self, label: str, others: Sequence[str]) -> None:
        """Judge a request at the moment it arrives, while those of `others` may still take effect."""

    def accepted(self, label: str) -> None:
        """Judge a request that is not refused: it may make a voice."""


class SimulatedProvider:
    """`VoiceProvider` over a network that breaks."""

    name = PROVIDER

    def __init__(self, world: World, abilities: Capabilities, book: Book, watch: Watch) -> None:
        self.book = book
        self.in_flight: list[str] = []
        """The labels of requests that may still take effect."""
        self._world = world
        self._abilities = abilities
        self._watch = watch
        self._listed: tuple[int, list[Made]] = (-LIST_CACHE_MS - 1, [])

    def capabilities(self) -> Capabilities:
        return self._abilities

    def prices(self) -> Prices:
        return PRICES

    def limits(self) -> Limits:
        return Limits("simulated", concurrent_calls=4, requests_per_minute=600_000, model_requests_per_minute=600_000)

    def account(self) -> AccountState:
        self._ask("balance")
        return AccountState(self.book.balance if self._abilities.reports_balance else None)

    def system_voices(self) -> Sequence[SystemVoice]:
        return ()

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        return self._make(request, PRICES.clone_micros)

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        return self._make(request, PRICES.design_micros)

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        if self._abilities.client_chosen_id:
            return self._ask_again(doubt)
        if self._abilities.lists_own_voices:
            return self._look_up(doubt.request.label)
        if not self._abilities.reports_balance or doubt.balances is None:
            return Finding(Truth.UNKNOWN, "none", "Nothing tells.")
        truth = evidence.weigh(doubt.balances, doubt.price_micros)
        return Finding(truth, "balance", evidence.told(doubt.balances, doubt.price_micros))

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        self._connect("speak")
        cost = PRICES.speech(MODEL, len(request.text))
        if self._world.chance(self._world.weather.unclear / 2):
            self._world.step("no answer")
            raise Ambiguous("The connection broke.")
        self._speak(request.provider_voice_id, cost)
        if self._world.chance(self._world.weather.unclear / 2):
            self._world.step("no answer")
            raise Ambiguous("The connection broke.")
        self._world.step("answer")
        return SpeechResult(b"audio", "audio/wav", Cost(cost, chars_billed=len(request.text)))

    def _speak(self, voice_id: str, cost: int) -> None:
        self.book.balance -= cost
        self.book.spoken += cost
        made = self.book.named(voice_id)
        if made and self._abilities.charge_moment is ChargeMoment.FIRST_USE:
            self.book.charge(made)
        self._world.note(f"spoken for {cost}")

    def _ask(self, what: str) -> None:
        self._world.step(what)
        if self._world.chance(self._world.weather.mute):
            raise ProviderFailed("No answer.")

    def _connect(self, what: str) -> None:
        self._world.step(what)
        if self._world.chance(self._world.weather.unreachable):
            raise NotSent("Nobody listens.")

    def _make(self, request: CloneRequest | DesignRequest, price: int) -> VoiceResult:
        self._connect("post")
        self._watch.arriving(request.label, self.in_flight)
        self._refuse(request, price)
        self._watch.accepted(request.label)
        made = Made(request.chosen_id or f"up_{len(self.book.voices):03}_{request.label[-8:]}", request.label, price, 0)
        fate = self._fate()
        work = self._world.rng.randrange(500, LONGEST_WORK_MS)
        self._world.note(f"{fate.name} {request.label}")
        if fate is not Fate.RESET_BEFORE:
            lands = self._world.rng.randrange(work, LONGEST_LATENESS_MS) if fate is Fate.LATE else work
            self._take_effect(made, lands)
        self._world.step("response", wait_ms=work + (CHARGE_MS if fate is not Fate.LATE else 0))
        if fate is Fate.UNREADABLE:
            raise Ambiguous("The answer could not be read.", charged_micros=price)
        if fate is not Fate.ANSWERED:
            raise Ambiguous("The connection broke.")
        charged = 0 if self._abilities.charge_moment is ChargeMoment.FIRST_USE else price
        return VoiceResult(made.voice_id, request.label, Cost(charged), raw="{}")

    def _refuse(self, request: CloneRequest | DesignRequest, price: int) -> None:
        world, weather = self._world, self._world.weather
        refusal: ProviderError | None = None
        if self.book.balance < price:
            refusal = AccountBlocked("Too little money.", http_status=402)
        elif world.chance(weather.limited):
            refusal = RateLimited("Too fast.", retry_after=float(world.rng.randint(1, 5)))
        elif world.chance(weather.unowned):
            refusal = SafeRetry("The voice was made, and nobody's: not charged.")
        elif world.chance(weather.refused):
            refusal = Refused("This recording will not do.")
        elif self.book.named(request.chosen_id or ""):
            refusal = Ambiguous("This id exists.", provider_code=ID_EXISTS)
        if refusal is not None:
            world.step(f"refusal {refusal.kind}")
            raise refusal

    def _fate(self) -> Fate:
        if not self._world.chance(self._world.weather.unclear):
            return Fate.ANSWERED
        return Fate.LATE if self._world.chance(self._world.weather.late) else self._world.rng.choice(UNCLEAR)

    def _take_effect(self, made: Made, delay_ms: int) -> None:
        self.in_flight.append(made.label)
        self._world.scheduler.later(delay_ms, partial(self._land, made))

    def _land(self, made: Made) -> None:
        if self.book.named(made.voice_id):
            self.in_flight.remove(made.label)
            return  # an id is given once
        made.made_at = self._world.clock.now
        self.book.voices.append(made)
        self._world.note(f"made {made.label}")
        self._world.scheduler.later(self._world.rng.randrange(1, CHARGE_MS), partial(self._charge, made))

    def _charge(self, made: Made) -> None:
        self.in_flight.remove(made.label)
        if self._abilities.charge_moment is not ChargeMoment.FIRST_USE:
            self.book.charge(made)
            self._world.note(f"charged {made.label}")

    def _look_up(self, label: str) -> Finding:
        self._ask("list")
        read_at, voices = self._listed
        if self._world.clock.now - read_at > LIST_CACHE_MS:
            voices = list(self.book.voices)
            self._listed = (self._world.clock.now, voices)
        found = next((made for made in voices if made.label == label), None)
        if found is None:
            return Finding(Truth.NOT_MADE, "list", "It is not listed.")
        return Finding(Truth.MADE, "list", "It is listed.", _known(found, None))

    def _ask_again(self, doubt: Doubt) -> Finding:
        self._connect("again")
        chosen = doubt.request.chosen_id or ""
        earlier = self.book.named(chosen)
        if earlier is None:
            fate = self._world.rng.choice(UNCLEAR) if self._world.chance(self._world.weather.unclear) else Fate.ANSWERED
            if fate is not Fate.RESET_BEFORE:
                earlier = Made(chosen, doubt.request.label, doubt.price_micros, self._world.clock.now)
                self.book.voices.append(earlier)
                self._world.note(f"made {earlier.label}")
            self._world.step("answer")
            if earlier is None or fate is not Fate.ANSWERED:
                return Finding(Truth.UNKNOWN, "same_id", "The connection broke.")
        return Finding(Truth.MADE, "same_id", "It exists.", _known(earlier, 0))


def _known(made: Made, charged: int | None) -> VoiceResult:
    return VoiceResult(made.voice_id, made.label, Cost(charged), raw="{}")
