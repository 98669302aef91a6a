"""Events become messages; and the sweeper, which finds what lost messages and dead workers have left behind."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import ParamSpec

import structlog
from celery import Celery
from kombu.exceptions import BatchPublishError, OperationalError
from kombu.messaging import Producer
from kombu.pools import producers
from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.edge import Edge
from pipeline.intake import service as intake
from pipeline.ledger import provider_account
from pipeline.ledger.prices import store_prices
from pipeline.provider.errors import ProviderError
from pipeline.references import service as references
from pipeline.speech import service as speech
from pipeline.voices import service as voices

P = ParamSpec("P")

SWEEP_SECONDS = 1.0
SHARE_SECONDS = 1.0
"""How often a worker looks how many share the provider's slots with it."""
QUIET_ROUNDS = 10
"""Every so many rounds all is swept, also where nothing is under way."""
KEPT_SECONDS = 2.0
"""After this long on disk an answer is taken up by others than the task that kept it."""
MARKET_SECONDS = 60.0
"""How often the provider's limits and prices are read anew."""
SOON_SECONDS = 0.2
"""How soon they are read again where that has failed; a stack's own provider starts with it."""
PATIENCE_SECONDS = 5.0
"""For how long a sweeper that starts waits for a provider before it says that it is ready."""
LONGEST_WAIT_SECONDS = 2.0
"""Of a lock, before nobody is taken for dead: with a beat a second it stays below `leases.DEAD_AFTER_MS`."""
MUTE_SECONDS = 1.0
"""After a hint that could not be sent nobody tries again for this long: a commit never waits for the broker."""

STAGES: tuple[Callable[[Session], None], ...] = (
    limits.sweep,
    references.sweep,
    voices.sweep,
    speech.sweep,
    speech.add_up,
)

log = structlog.get_logger()


class CeleryPublisher:
    """Publishes hints through Celery. Losing one costs a sweep's time, so failures are logged and forgotten."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        # One try: kombu's own tries to connect would make the commit before the hint wait for 6 s.
        self._producers = producers[app.connection_for_write(transport_options={"max_retries": 0})]
        self._muted_until = 0.0

    def publish(self, task: str, *row_ids: str) -> None:
        """Send a hint for each row, in one go, unless the broker was away a moment ago."""
        if self._is_muted():
            return
        try:
            with self._producers.acquire(block=True) as producer:
                # Who waited for a connection behind others may have been muted by their failure.
                if not self._is_muted():
                    self._send(producer, task, row_ids)
        except (OperationalError, BatchPublishError, OSError) as error:
            self._muted_until = time.monotonic() + MUTE_SECONDS
            log.warning("hint_not_sent", task=task, row=row_ids[0], rows=len(row_ids), error=type(error).__name__)

    def _send(self, producer: Producer, task: str, row_ids: Sequence[str]) -> None:
        with producer.batch():  # type: ignore[no-untyped-call] # no annotations
            for row_id in row_ids:
                self._app.send_task(task, args=[row_id], producer=producer, retry=False)

    def _is_muted(self) -> bool:
        return time.monotonic() < self._muted_until


class Heartbeat:
    """Beats in a row for as long as this process lives; its claims end soon after the beat does."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._stopped = Event()
        with edge.write() as session:
            self.holder = leases.join(session)
        # A thread each: neither a bucket that hangs nor who waits to give a slot back may stop the beat.
        self._threads = [
            Thread(target=self._every, args=(leases.BEAT_SECONDS, self._beat), name="heartbeat", daemon=True),
            Thread(target=self._every, args=(SHARE_SECONDS, self._share), name="share", daemon=True),
            Thread(target=self._every, args=(KEPT_SECONDS, self._save_kept), name="kept", daemon=True),
        ]

    def start(self) -> None:
        """Start beating, and saving what paid calls have left on this machine's disk."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stopped.set()
        # A worker that is stopped before it was ready has never started beating.
        if self._threads[0].is_alive():
            self._threads[0].join()

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while not self._stopped.wait(seconds):
            act()

    def _beat(self) -> None:
        try:
            # Before the threads that wait to write: a worker that is busy is not dead.
            with self._edge.write(first=True) as session:
                leases.beat(session, self.holder)
        except SQLAlchemyError as error:
            log.warning("beat_missed", holder=self.holder, error=type(error).__name__)

    def _share(self) -> None:
        _attempt("slots", self._edge.share_slots)

    def _save_kept(self) -> None:
        _attempt("answers", record_kept_answers, self._edge)
        _attempt("audio", store_kept_audio, self._edge)


def sweep(edge: Edge) -> bool:
    """Look once at every stage for what has stood still; tell whether each went well, and let none stop the others.

    SQLite has one writer at a time: while a large plan is applied no worker can say that it lives. Whoever had
    to wait for the database as well knows nothing of the living, and looks again a round later.
    """
    # First, so that what waits for the account is sent in this round.
    all_well = _attempt("account", probe_account, edge)
    for stage in STAGES:
        asked = time.monotonic()
        all_well = _attempt(stage.__module__, _sweep_one, edge, stage, asked) and all_well
        if time.monotonic() - asked > LONGEST_WAIT_SECONDS:
            log.warning("sweep_put_off", seconds=round(time.monotonic() - asked, 1))
            break
    return all_well


def is_quiet(edge: Edge) -> bool:
    """Tell in one look that nothing is under way: what then stands still can wait for a round in which all is swept."""
    try:
        with edge.read() as session:
            busy = (intake.is_busy(), references.is_busy(), voices.is_busy(), speech.is_busy())
            return not session.scalar(select(or_(*busy)))
    except SQLAlchemyError:
        return False


def _sweep_one(edge: Edge, stage: Callable[[Session], None], asked: float) -> None:
    with edge.write() as session:
        session.connection()  # SQLite's lock is taken here
        if time.monotonic() - asked <= LONGEST_WAIT_SECONDS:
            stage(session)


def record_kept_answers(edge: Edge) -> None:
    """Settle what paid calls have brought and the database does not have: it was away, or their worker died."""
    for answer in voices.answers.kept(edge.spool, older_than=KEPT_SECONDS):
        try:
            voices.answers.record(edge.write, edge.spool, answer, capabilities=edge.provider.capabilities())
        except SQLAlchemyError as error:
            log.warning("answer_waits", attempt=answer.claim.attempt_id, error=type(error).__name__)


def store_kept_audio(edge: Edge) -> None:
    """Store what was spoken and is on disk alone: the bucket was away, or the worker died."""
    speech.restore(edge.spool, edge.store, older_than=KEPT_SECONDS)


def probe_account(edge: Edge) -> None:
    """Look whether the provider's account is in order again, where it is blocked and it is time to look."""
    name = edge.provider.name
    with edge.read() as session:
        if not provider_account.is_blocked(session, name):
            return
    with edge.write() as session:
        due = provider_account.claim_probe(session, name)
        if due and not edge.provider.capabilities().reports_balance:
            provider_account.half_open(session, name)
            return
    if due:
        try:
            read_account(edge)
        except ProviderError as error:
            log.warning("account_still_blocked", provider=name, detail=error.message)


def read_account(edge: Edge) -> None:
    """Note what the provider says of our account; its breaker is closed where that allows it."""
    if not edge.provider.capabilities().reports_balance:
        return
    said = edge.provider.account()
    with edge.write() as session:
        provider_account.note_account(session, edge.provider.name, said.balance_micros, said.at_ms)


def read_market(edge: Edge) -> None:
    """Read the provider's limits, prices and our balance into the rows that pace the calls and price the plans."""
    allowed = edge.provider.limits()
    prices = edge.provider.prices()
    with edge.write() as session:
        per_minute = min(allowed.requests_per_minute, allowed.model_requests_per_minute)
        limits.set_limits(
            session,
            edge.provider.name,
            concurrent=allowed.concurrent_calls,
            per_minute=per_minute,
            characters_per_minute=allowed.characters_per_minute,
        )
        store_prices(session, edge.provider.name, prices)
    read_account(edge)


def run_sweeper(
    edge: Edge, stopped: Event, ready: Path | None = None, after_round: Callable[[bool], None] = lambda _: None
) -> None:
    """Sweep until told to stop; several sweepers may run at once.

    `ready` is written after the first round that went well and in which the provider's limits and prices are known, as
    far as it answers within moments; `after_round` is told after each whether it did.
    """
    market, patience = Market(), time.monotonic() + PATIENCE_SECONDS
    for number in count():
        if stopped.is_set():
            return
        market.look(edge)
        _attempt("answers", record_kept_answers, edge)
        _attempt("audio", store_kept_audio, edge)
        all_well = (number % QUIET_ROUNDS != 0 and is_quiet(edge)) or sweep(edge)
        is_early = not market.is_known and time.monotonic() < patience
        if all_well and ready is not None and not is_early:
            ready.touch()
        after_round(all_well)
        stopped.wait(SOON_SECONDS if is_early else SWEEP_SECONDS)


@dataclass
class Market:
    """The provider's limits and prices: read now and then, and again soon where that has failed."""

    is_known: bool = False
    _due: float = 0.0

    def look(self, edge: Edge) -> None:
        """Read them where it is time to."""
        if time.monotonic() >= self._due:
            is_read = _attempt("market", read_market, edge)
            self.is_known = self.is_known or is_read
            self._due = time.monotonic() + (MARKET_SECONDS if is_read else SOON_SECONDS)


def _attempt(what: str, action: Callable[P, object], *given: P.args, **named: P.kwargs) -> bool:
    """Do it and tell whether it went well; whatever it stumbles over is logged and stops nothing else."""
    try:
        action(*given, **named)
    except Exception as error:  # noqa: BLE001 - a row that one stage cannot bear must not hold up the others
        log.warning("sweep_failed", of=what, error=type(error).__name__, detail=str(error)[:300])
        return False
    return True
