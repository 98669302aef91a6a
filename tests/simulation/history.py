"""One history: who takes part in it, how long it lasts, and how it ended."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.provider.port import ChargeMoment
from pipeline.voices import service as voices
from tests.simulation.database import SimulatedDatabase
from tests.simulation.naive import NaiveClient
from tests.simulation.oracle import Guard, Nobody, Verdict
from tests.simulation.people import Lines, Person, Producer
from tests.simulation.plant import Plant
from tests.simulation.upstream import Book, SimulatedProvider
from tests.simulation.variants import Variant
from tests.simulation.world import World

CALM_MS = 600_000
"""Faults begin up to here; what they have done lasts for as long as it lasts."""
END_MS = 2 * 3_600_000
"""By then everything has come to an end, or never will."""
LOOK_MS = 5_000
AUDIT_EVERY = 5
"""Histories, by their seeds: the audit asks thirty questions, a tenth of what a history asks."""
LEAST_BALANCE, LARGEST_BALANCE = 1_000_000, 30_000_000
MOST_LINES = 5


@dataclass(frozen=True)
class Outcome:
    """How a history ended."""

    variant: str
    seed: int
    wanted: int
    charges: int
    duplicates: int
    owned: int
    operator: int
    broken: tuple[str, ...]
    digest: str
    """A hash of all that has happened: two histories with the same one are the same."""
    trace: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """What the database holds when a history begins."""

    account_id: str
    run_id: str
    holders: Sequence[str]
    wishes: Sequence[voices.WantedVoice]


@dataclass(frozen=True)
class History:
    """A seed of a variant, about to be played."""

    variant: Variant
    seed: int
    world: World
    database: SimulatedDatabase
    template: Template

    def play(self) -> Outcome:
        """Let it happen, and judge it."""
        return self._play_naive() if self.variant.naive else self._play_protocol()

    def _play_protocol(self) -> Outcome:
        guard = Guard(self.world, self.database, self.variant.abilities)
        balance = self.world.rng.randrange(LEAST_BALANCE, LARGEST_BALANCE)
        provider = SimulatedProvider(self.world, self.variant.abilities, Book(balance), guard)
        plant = Plant(self.world, self.database, provider, self.variant.quiescence_seconds)
        wishes = self.world.rng.sample(self.template.wishes, self.world.rng.randint(1, self.variant.voices))
        producer, lines = self._people(plant, wishes)
        plant.start(self.template.holders, sweeps=True)
        self._run(lambda: not (producer.busy or lines.to_come or provider.in_flight) and self._is_settled(plant))
        verdict = Verdict(self.database, provider.book)
        return self._outcome(
            wanted=len(wishes),
            charges=len(provider.book.charges()),
            duplicates=verdict.duplicates,
            owned=verdict.owned,
            operator=verdict.operator,
            broken=(*verdict.broken(), *(verdict.audited() if self.seed % AUDIT_EVERY == 0 else ())),
        )

    def _people(self, plant: Plant, wishes: Sequence[voices.WantedVoice]) -> tuple[Producer, Lines]:
        account_id, run_id = self.template.account_id, self.template.run_id
        producer, person = Producer(plant, account_id, wishes, run_id), Person(plant, account_id)
        lines = Lines(plant, account_id, run_id)
        if self.variant.abilities.charge_moment is ChargeMoment.FIRST_USE:
            plant.audition = lines.audition
        for somebody in (producer, person, lines):
            self.world.scheduler.start(somebody.process, "live", somebody.live)
        if self.variant.abilities.reports_balance:
            lines.start(self.world.rng.randrange(MOST_LINES))
        return producer, lines

    def _play_naive(self) -> Outcome:
        provider = SimulatedProvider(self.world, self.variant.abilities, Book(10**9), Nobody())
        plant = Plant(self.world, self.database, provider, self.variant.quiescence_seconds)
        plant.start(self.template.holders, sweeps=False)
        client = NaiveClient(plant, self.variant.voices)
        client.start()
        self._run(lambda: client.is_done() and plant.is_idle() and not provider.in_flight)
        charges = len(provider.book.charges())
        duplicates = max(0, charges - self.variant.voices)
        broken = [f"{duplicates} charges beyond one a voice"] if duplicates else []
        return self._outcome(
            wanted=self.variant.voices,
            charges=charges,
            duplicates=duplicates,
            owned=len(client.stored),
            operator=0,
            broken=broken,
        )

    def _run(self, is_over: Callable[[], bool]) -> None:
        self.world.scheduler.later(CALM_MS, self.world.calm_down)
        if not self.world.scheduler.run(is_over, look_every_ms=LOOK_MS, until_ms=END_MS):
            self.world.violate("I9: it does not come to an end")
        self.world.note("over")
        self.world.scheduler.end()

    def _is_settled(self, plant: Plant) -> bool:
        """Tell whether nothing is left to be done, or for anybody to decide."""
        return plant.is_idle() and not self.database.ask(
            "SELECT 1 FROM voices WHERE state IN ('wanted', 'making', 'unclear')"
            " UNION ALL SELECT 1 FROM holds WHERE state = 'open'"
            " UNION ALL SELECT 1 FROM orphans WHERE state = 'open' LIMIT 1"
        )

    def _outcome(
        self, *, wanted: int, charges: int, duplicates: int, owned: int, operator: int, broken: Iterable[str]
    ) -> Outcome:
        return Outcome(
            variant=self.variant.name,
            seed=self.seed,
            wanted=wanted,
            charges=charges,
            duplicates=duplicates,
            owned=owned,
            operator=operator,
            broken=(*self.world.violations, *broken),
            digest=self.world.digest,
            trace=tuple(self.world.trace or ()),
        )
