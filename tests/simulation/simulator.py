"""Plays histories: the product's own services and tasks, and around them a world that a seed decides."""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from unittest.mock import patch

import structlog
from sqlalchemy.orm import Session

from pipeline import crash, edge
from pipeline.db import ids, leases, limits
from pipeline.db.clock import now_ms
from pipeline.edge import Edge
from pipeline.ledger.prices import store_prices
from pipeline.provider.errors import ProviderFailed
from pipeline.provider.port import ChargeMoment
from pipeline.voices import service as voices
from pipeline.voices.rules import VoiceKind, cloned_key, designed_key
from pipeline.voices.service import sending
from tests.simulation.clock import START_MS
from tests.simulation.database import DatabaseAway, SimulatedDatabase
from tests.simulation.naive import NaiveClient
from tests.simulation.oracle import Guard, Nobody, Verdict
from tests.simulation.people import Lines, Person, Producer, start_all
from tests.simulation.plant import FIRST_PID, MACHINES, Plant, Worker
from tests.simulation.upstream import Book, SimulatedProvider
from tests.simulation.variants import Variant
from tests.simulation.weather import CALM, draw
from tests.simulation.world import World
from tests.support import factories
from tests.support.fakes import CAPABILITIES, PRICES, PROVIDER
from workers import relay
from workers.app import Station, app

NAMES = ("mara", "piet", "june")
CALM_MS = 600_000
"""Faults begin up to here; what they have done lasts for as long as it lasts."""
END_MS = 6 * 3_600_000
"""By then everything has come to an end, or never will."""
LOOK_MS = 5_000
TOLERABLE = {DatabaseAway.__name__, ProviderFailed.__name__}
"""What a sweep may end in."""
COLLECT_EVERY = 100
"""Histories between two garbage collections: cycles are few, and looking for them costs a fifth of the time."""


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
    trace: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """What every history begins with."""

    account_id: str
    run_id: str
    holders: tuple[str, ...]
    wishes: tuple[voices.WantedVoice, ...]


class Simulator:
    """Plays one history after the other in one process; made by `simulator()`."""

    def __init__(self, database: SimulatedDatabase) -> None:
        self._database = database
        self.world = World("template", lambda _: CALM)
        self._played = 0

    def lay_template(self) -> None:
        """Make what every history begins with."""
        self._database.lay_template(self.world, self._fill)

    def play(self, variant: Variant, seed: int, *, traced: bool = False) -> Outcome:
        """Play the history of a seed, and judge it."""
        self._clean_up()
        self.world = World(f"{variant.name}:{seed}", draw)
        self.world.trace = [] if traced else None
        self._database.begin_history(self.world)
        with variant.without():
            outcome = self._play_naive(variant, seed) if variant.naive else self._play_protocol(variant, seed)
        return outcome

    def _play_protocol(self, variant: Variant, seed: int) -> Outcome:
        world, database, template = self.world, self._database, self._template
        book = Book(balance=world.rng.randrange(1_000_000, 30_000_000))
        watch = Guard(world, database, variant.abilities)
        provider = SimulatedProvider(world, variant.abilities, book, watch)
        plant = Plant(world, database, provider, variant.quiescence_seconds)
        wishes = template.wishes[: world.rng.randint(1, variant.voices)]
        producer = Producer(plant, template.account_id, wishes, template.run_id)
        person = Person(plant, template.account_id)
        lines = Lines(plant, template.account_id, template.run_id)
        if variant.abilities.charge_moment is ChargeMoment.FIRST_USE:
            plant.audition = lines.audition
        plant.start(template.holders, sweeps=True)
        start_all(world, (producer, person))
        lines.start(world.rng.randrange(5) if variant.abilities.reports_balance else 0)

        def is_over() -> bool:
            return (
                not (producer.busy or lines.to_come or provider.in_flight) and plant.is_idle() and _is_settled(database)
            )

        self._run(is_over)
        verdict = Verdict(database, book)
        return Outcome(
            variant=variant.name,
            seed=seed,
            wanted=len(wishes),
            charges=len(book.charges()),
            duplicates=verdict.duplicates,
            owned=verdict.owned,
            operator=verdict.operator,
            broken=(*world.violations, *verdict.broken()),
            digest=world.digest,
            trace=tuple(world.trace or ()),
        )

    def _play_naive(self, variant: Variant, seed: int) -> Outcome:
        world = self.world
        book = Book(balance=1_000_000_000)
        provider = SimulatedProvider(world, variant.abilities, book, Nobody())
        plant = Plant(world, self._database, provider, variant.quiescence_seconds)
        plant.start(self._template.holders, sweeps=False)
        client = NaiveClient(plant, variant.voices)
        client.start()
        self._run(lambda: client.is_done() and plant.is_idle() and not provider.in_flight)
        duplicates = max(0, len(book.charges()) - variant.voices)
        return Outcome(
            variant=variant.name,
            seed=seed,
            wanted=variant.voices,
            charges=len(book.charges()),
            duplicates=duplicates,
            owned=len(client.stored),
            operator=0,
            broken=(f"{duplicates} charges beyond one a voice",) if duplicates else (),
            digest=world.digest,
            trace=tuple(world.trace or ()),
        )

    def _run(self, is_over: Callable[[], bool]) -> None:
        world = self.world
        world.scheduler.later(CALM_MS, world.calm_down)
        if not world.scheduler.run(is_over, look_every_ms=LOOK_MS, until_ms=END_MS):
            world.violate("I9: it does not come to an end")
        world.note("over")
        world.scheduler.end()

    def _fill(self, session: Session) -> None:
        limits.set_limits(session, PROVIDER, concurrent=4, per_minute=600_000)
        store_prices(session, PROVIDER, PRICES)
        account = factories.account(session, name="studio")
        run = factories.run(session, account)
        self._template = Template(
            account_id=account.id,
            run_id=run.id,
            holders=tuple(_holders(session)),
            wishes=tuple(_wishes(session, account)),
        )

    def _clean_up(self) -> None:
        self._played += 1
        if self._played % COLLECT_EVERY == 0:
            gc.collect()


def _wishes(session: Session, account: factories.Account) -> Iterator[voices.WantedVoice]:
    for name in NAMES:
        reference = factories.reference(session, account, name)
        yield voices.WantedVoice(
            key=cloned_key(factories.sha256(name)),
            kind=VoiceKind.CLONED,
            label=name,
            model=CAPABILITIES.clone_model,
            reference_id=reference.id,
        )


def _holders(session: Session) -> Iterator[str]:
    for pid, host in enumerate(MACHINES, start=FIRST_PID):
        instance = leases.Instance(id=ids.new_id("wrk"), host=host, pid=pid, beat_at=now_ms())
        session.add(instance)
        yield instance.id


def _is_settled(database: SimulatedDatabase) -> bool:
    """Tell whether nothing is left to be done, or for anybody to decide."""
    return not database.ask(
        "SELECT 1 FROM voices WHERE state IN ('wanted', 'making', 'unclear')"
        " UNION ALL SELECT 1 FROM holds WHERE state = 'open'"
        " UNION ALL SELECT 1 FROM orphans WHERE state = 'open' LIMIT 1"
    )


@contextmanager
def simulator() -> Iterator[Simulator]:
    """Put virtual time, seeded chance and points to be interrupted at in the place of the real ones."""
    app.loader.import_default_modules()
    configured = structlog.get_config()
    with ExitStack() as stack:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        stack.callback(structlog.configure, **configured)
        stack.callback(gc.enable)
        gc.disable()
        database = SimulatedDatabase()
        stack.callback(database.close)
        playing = Simulator(database)
        for target, name, stand_in in _stand_ins(playing):
            stack.enter_context(patch.object(target, name, stand_in))
        playing.lay_template()
        yield playing


def _stand_ins(playing: Simulator) -> Iterator[tuple[object, str, object]]:
    time = _Time(playing)
    for module in (sending, edge, relay, ids):
        yield module, "time", time
    yield ids, "secrets", SimpleNamespace(randbits=lambda bits: playing.world.rng.getrandbits(bits))
    yield leases, "os", SimpleNamespace(getpid=lambda: _worker(playing).pid)
    yield leases, "socket", SimpleNamespace(gethostname=lambda: _worker(playing).machine.name)
    # The stages that have no rows in a simulated history are left out.
    yield relay, "STAGES", (limits.sweep, voices.sweep)
    yield relay, "log", SimpleNamespace(warning=partial(_judge_warning, playing))
    yield crash, "here", lambda point: playing.world.step(point)
    yield Station, "current", lambda: _edge(playing)


def _judge_warning(playing: Simulator, event: str, **told: object) -> None:
    """Find what the sweeper has stumbled over: it goes on whatever happens, and only says so."""
    playing.world.note(f"{event} {told}")
    if event == "sweep_failed" and told["error"] not in TOLERABLE:
        playing.world.violate(f"the sweeper stumbles: {told}")


class _Time:
    """Stands in for the module `time` where the product asks for it."""

    def __init__(self, playing: Simulator) -> None:
        self._playing = playing

    def monotonic(self) -> float:
        return self._playing.world.clock.now / 1000

    def time(self) -> float:
        return START_MS / 1000 + self.monotonic()

    def time_ns(self) -> int:
        return (START_MS + self._playing.world.clock.now) * 1_000_000

    def sleep(self, seconds: float) -> None:
        self._playing.world.sleep(int(seconds * 1000))


def _worker(playing: Simulator) -> Worker:
    process = playing.world.process
    if not isinstance(process, Worker):
        raise TypeError(f"{process.name} is no worker")
    return process


def _edge(playing: Simulator) -> Edge:
    worker = _worker(playing)
    if worker.edge is None:
        raise TypeError(f"{worker.name} has not registered")
    return worker.edge
