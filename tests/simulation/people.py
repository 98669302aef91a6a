"""People and the rest of the product: a producer who applies, a person who decides, and lines that are spoken."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import BudgetExceeded, Conflict
from pipeline.intake import service as intake
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, TransferKind
from pipeline.provider.errors import Ambiguous, ProviderError
from pipeline.provider.port import SpeechRequest
from pipeline.voices import service as voices
from tests.simulation.database import SimulatedDatabase
from tests.simulation.plant import Plant
from tests.simulation.scheduler import Process
from tests.support import factories
from tests.support.fakes import MODEL, PROVIDER

NOBODY = "noise"
"""The subject of lines that are spoken with no voice of ours."""
RUN_CAP = 5_000_000
FIRST_LINES_MS = 100_000
TOP_UP = 0.1
"""The chance that a person pays in for no reason of ours, whenever they look."""
SMALLEST_TOP_UP, LARGEST_TOP_UP = 5, 40
"""Dollars."""


@dataclass(eq=False)
class Producer:
    """Applies a plan, sometimes stops it, and applies again what failed."""

    plant: Plant
    account_id: str
    wishes: Sequence[voices.WantedVoice]
    run_id: str
    patience: int = 2
    """How often what has failed is ordered again."""
    busy: bool = True

    def __post_init__(self) -> None:
        self.process = Process("producer", mortal=False)

    def live(self) -> None:
        """Apply, and come back a few times."""
        world = self.plant.world
        self.plant.retry(partial(self._want, self.run_id))
        if world.chance(0.15):
            world.sleep(world.rng.randrange(1_000, 60_000))
            self.plant.retry(self._stop)
        if world.chance(0.15):
            self._apply()
        while self.patience:
            world.sleep(120_000)
            if self._failed():
                self.patience -= 1
                self._apply()
            elif not self._open():
                break
        self.busy = False

    def _apply(self) -> None:
        self.plant.retry(self._open_run)
        self.plant.retry(partial(self._want, self.run_id))

    def _open_run(self) -> None:
        cap = RUN_CAP if self.plant.world.chance(0.1) else None
        with self.plant.edge.write() as session:
            self.run_id = factories.run(session, session.get_one(Account, self.account_id), cap=cap).id

    def _want(self, run_id: str) -> None:
        with self.plant.edge.write() as session:
            if intake.is_stopped(session, run_id):
                return
            for wish in self.wishes:
                voices.want(session, account_id=self.account_id, provider=PROVIDER, run_id=run_id, wanted=wish)

    def _stop(self) -> None:
        with self.plant.edge.write() as session:
            intake.stop_run(session, self.run_id, "stopped_by_producer")

    def _failed(self) -> bool:
        stuck = "state = 'failed' OR (state = 'wanted' AND run_id IN (SELECT id FROM runs WHERE reason IS NOT NULL))"
        return bool(self.plant.database.ask(f"SELECT 1 FROM voices WHERE {stuck}"))

    def _open(self) -> bool:
        return bool(self.plant.database.ask("SELECT 1 FROM voices WHERE state <> 'ready'"))


@dataclass(eq=False)
class Person:
    """Decides what no evidence decides, by what the provider's book shows; pays the provider's bills."""

    plant: Plant
    account_id: str
    written_off: int = 0

    def __post_init__(self) -> None:
        self.process = Process("person", mortal=False)

    def live(self) -> None:
        """Look in now and then."""
        world, book = self.plant.world, self.plant.provider.book
        while True:
            world.sleep(world.rng.randrange(20_000, 200_000))
            for attempt_id, label in _waiting(self.plant.database):
                self.plant.retry(partial(self._decide, attempt_id, label))
            for (orphan_id,) in self.plant.database.ask("SELECT id FROM orphans WHERE state = 'open' ORDER BY id"):
                self.plant.retry(partial(self._decide_orphan, orphan_id))
            blocked = self.plant.database.ask("SELECT 1 FROM provider_accounts WHERE blocked_at IS NOT NULL")
            if blocked or world.chance(TOP_UP):
                amount = world.rng.randint(SMALLEST_TOP_UP, LARGEST_TOP_UP) * 1_000_000
                book.balance += amount
                world.note(f"topped up by {amount}")

    def _decide(self, attempt_id: str, label: str) -> None:
        book = self.plant.provider.book
        made = next(iter(book.of(label)), None)
        if made is None:
            decided = voices.Decided(voices.Action.ALLOW, "person", "It is not in the provider's book.")
        elif made.charged and self.plant.world.chance(0.3):
            decided = voices.Decided(voices.Action.WRITE_OFF, "person", "It was charged, and cannot be found.")
        else:
            decided = voices.Decided(voices.Action.ADOPT, "person", "It is in the provider's book.", made.voice_id)
        self._carry_out(attempt_id, decided)

    def _decide_orphan(self, orphan_id: str) -> None:
        wanted = voices.Action.ADOPT if self.plant.world.chance(0.5) else voices.Action.DISCARD
        self._carry_out(orphan_id, voices.Decided(wanted, "person", "It came too late."))

    def _carry_out(self, subject: str, decided: voices.Decided) -> None:
        try:
            with self.plant.edge.write() as session:
                rules = self.plant.provider.capabilities()
                voices.decide(session, self.account_id, subject, decided, capabilities=rules)
        except Conflict as error:
            self.plant.world.note(f"not decided: {error.message}")
        else:
            self.plant.world.note(f"decided {decided.action} {subject}")


def _waiting(database: SimulatedDatabase) -> list[tuple[str, str]]:
    return database.ask("SELECT id, label FROM attempts WHERE state = 'operator' ORDER BY id")


@dataclass(eq=False)
class Lines:
    """Lines that are spoken beside the clones: other spend on the same account, with unclear answers of its own."""

    plant: Plant
    account_id: str
    run_id: str
    number: int = 0
    to_come: int = 0

    def __post_init__(self) -> None:
        self.process = Process("lines", mortal=False)
        self._on_air: set[str] = set()

    def start(self, count: int) -> None:
        """Let a few lines be spoken at any time."""
        world = self.plant.world
        self.to_come = count
        for _ in range(count):
            world.scheduler.later(world.rng.randrange(FIRST_LINES_MS), self._begin)

    def live(self) -> None:
        """Come back to what was left: fees of voices that nobody has heard yet, lines that are over."""
        world = self.plant.world
        while True:
            world.sleep(world.rng.randrange(30_000, 120_000))
            for voice_id in self._silent():
                self.audition(voice_id)
            self._close_doubts()

    def audition(self, voice_id: str) -> None:
        """Let a new voice speak for the first time: where its fee falls due with that, it is booked with it."""
        named = self.plant.database.ask("SELECT provider_voice_id FROM voices WHERE id = ?", [voice_id])
        if named and named[0][0]:
            self._speak(voice_id, named[0][0], "This is how I sound.")

    def _silent(self) -> list[str]:
        # Their fee falls due when they first speak.
        query = (
            "SELECT a.voice_id FROM attempts a JOIN holds h ON h.attempt = a.id"
            " WHERE a.state = 'succeeded' AND h.state = 'open' ORDER BY a.id"
        )
        return [voice_id for (voice_id,) in self.plant.database.ask(query)]

    def _close_doubts(self) -> None:
        # What they may have cost is booked, as the stage of speech does when a take is over.
        for held in self._held():
            if held not in self._on_air:
                self.plant.retry(partial(self._pay, held, None))

    def _begin(self) -> None:
        self.to_come -= 1
        workers = self.plant.workers()
        if workers:
            worker = self.plant.world.rng.choice(workers)
            text = "x" * self.plant.world.rng.randrange(10, 2_000)
            self.plant.world.scheduler.start(worker, "speak", partial(self._speak, NOBODY, "system", text))

    def _speak(self, subject: str, provider_voice_id: str, text: str) -> None:
        self.number += 1
        attempt = f"take_{self.number}#1"
        self._on_air.add(attempt)
        try:
            self._call(attempt, subject, SpeechRequest(MODEL, text, provider_voice_id, "wav"))
        except (SQLAlchemyError, BudgetExceeded) as error:
            self.plant.world.note(f"not spoken: {type(error).__name__}")
        finally:
            self._on_air.discard(attempt)

    def _call(self, attempt: str, subject: str, request: SpeechRequest) -> None:
        edge = self.plant.edge
        price = edge.provider.prices().speech(MODEL, len(request.text))
        with edge.write() as session:
            ledger.hold(
                session,
                account_id=self.account_id,
                run_id=self.run_id,
                provider=PROVIDER,
                attempt=attempt,
                amount=price,
            )
        try:
            spoken = edge.provider.synthesize(request)
        except Ambiguous:
            return  # the hold stays until the line is over
        except ProviderError:
            with edge.write() as session:
                ledger.release(session, attempt)
            return
        self._pay(attempt, spoken.cost.charged_micros, subject)

    def _pay(self, attempt: str, cost: int | None, subject: str = NOBODY) -> None:
        with self.plant.edge.write() as session:
            ledger.settle(session, attempt, ledger.Payment(TransferKind.SPEECH, PROVIDER, cost, subject))
            if subject != NOBODY:
                voices.pay_first_use(session, subject)

    def _held(self) -> list[str]:
        asked = "SELECT attempt FROM holds WHERE attempt LIKE 'take%' AND state = 'open' ORDER BY attempt"
        return [attempt for (attempt,) in self.plant.database.ask(asked)]
