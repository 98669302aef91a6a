"""What an operator watches, read from the rows: counts by state, money, limits, doubts.

Reads only, through indexes: of a million takes all of it costs a quarter of a second (SQLite). No label names an
account, a row, a voice or a word of a script.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TypeAlias

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.db import leases, limits
from pipeline.db.clock import now_ms
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Budget, ProviderAccount, Transfer, TransferKind
from pipeline.ledger.provider_account import Block
from pipeline.ledger.service import provider_owner
from pipeline.quality import Outcome
from pipeline.references.models import Reference, ReferenceState
from pipeline.speech.models import Take
from pipeline.speech.rules import HearingState, TakeState
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState, OrphanState, VoiceState

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""The values of the labels, and the value."""

MOST_CAUSES = 40
"""Causes of failure are codes of ours; a row that holds something else must not grow a metric without end."""
OTHER, UNNAMED = "other", "none"
IS_BAD = "state IN ('failed', 'blocked')"
"""In the letters of the index: no database looks bound values up in a partial one."""
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""What a proxy adds: such a request comes from elsewhere, though its connection is local."""


@dataclass(frozen=True)
class Family:
    """One metric: its name, what it says, its labels, and how it is read. A counter never goes down."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Session], Iterable[Sample]]
    counts_up: bool = False


@dataclass(frozen=True)
class Reading:
    """A metric as the rows had it."""

    family: Family
    samples: Sequence[Sample]


def snapshot(session: Session) -> list[Reading]:
    """Read every metric in one transaction."""
    return [Reading(family, list(family.read(session))) for family in FAMILIES]


def may_look(token: str | None, headers: Mapping[str, str], peer: str | None) -> bool:
    """Tell whether a caller may read metrics: one with the token, or, where there is none, one on this machine."""
    if token is not None:
        given = headers.get("authorization") or ""
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    return peer is not None and _is_loopback(peer) and not any(name in headers for name in FORWARDED)


def _is_loopback(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:  # a name, not an address: nobody knows where that is
        return False


def _by_state(column: InstrumentedAttribute[StrEnum], states: type[StrEnum]) -> Callable[[Session], Iterator[Sample]]:
    """Count a table's rows in each state; a state without rows is 0, so that no line ends in a graph."""

    def read(session: Session) -> Iterator[Sample]:
        found = dict(session.execute(select(column, func.count()).group_by(column)).all())
        for state in states:
            yield (state.value,), found.get(state, 0)

    return read


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*where)) or 0


def _rows_due(session: Session) -> Iterator[Sample]:
    """Count what waits for nothing but a worker, by the queue that worker would serve; sent hints included."""
    due = [Take.state == TakeState.READY, Take.not_before <= now_ms()]
    paused = session.scalars(select(Run.id).where(_is_running(), Run.paused_at.is_not(None))).all()
    if paused:
        due.append(Take.run_id.not_in(paused))
    yield ("speech",), _count(session, *due) + _count(session, Take.state == TakeState.DISPATCHED)
    yield ("voices",), _count(session, Attempt.state == AttemptState.RESERVED, Attempt.not_before <= now_ms())
    unheard = _count(session, Take.hearing.in_((HearingState.DUE, HearingState.SENT)))
    yield ("references",), _count(session, Reference.state == ReferenceState.RECEIVED) + unheard


def _oldest_due(session: Session) -> Iterator[Sample]:
    """Tell since when the longest waiting take is due: since it was wanted, or since its pause was over."""
    now = session.scalar(select(now_ms())) or 0
    going = session.scalars(select(Run.id).where(_is_running(), Run.paused_at.is_(None))).all()
    first = [session.execute(_first_due(run, now)).first() for run in going]
    since = min((max(row.created_at, row.not_before) for row in first if row), default=now)
    yield (), max(now - since, 0) / 1000


def _heard(session: Session) -> Iterator[Sample]:
    """Count what the quality gate has found; each run keeps count of its own."""
    sums = (func.coalesce(func.sum(column), 0) for column in (Run.heard_good, Run.heard_bad, Run.heard_unchecked))
    found = session.execute(select(*sums)).one()
    for outcome, takes in zip((Outcome.GOOD, Outcome.BAD, Outcome.UNCHECKED), found, strict=True):
        yield (outcome.value,), int(takes)


def _oldest_unheard(session: Session) -> Iterator[Sample]:
    """Tell since when the first take of a run that nobody has listened to is spoken."""
    now = session.scalar(select(now_ms())) or 0
    going = session.scalars(select(Run.id).where(_is_running(), Run.retakes.is_not(None))).all()
    since = [session.scalar(_first_unheard(run)) for run in going]
    yield (), max(now - min((millis for millis in since if millis), default=now), 0) / 1000


def _first_unheard(run_id: str) -> Select[int | None]:
    waiting = (Take.hearing == HearingState.DUE, Take.run_id == run_id)
    return select(Take.done_at).where(*waiting).order_by(Take.id).limit(1)


def _first_due(run_id: str, now: int) -> Select[int, int]:
    due = select(Take.created_at, Take.not_before).where(
        Take.state == TakeState.READY, Take.run_id == run_id, Take.not_before <= now
    )
    # The order of the index: its first entries are read, and not the run.
    return due.order_by(Take.provider, Take.priority, Take.id).limit(1)


def _is_running() -> ColumnElement[bool]:
    return Run.state == RunState.RUNNING


def _failures(session: Session) -> Iterator[Sample]:
    count = func.count()
    causes = select(Take.error_kind, count).where(text(IS_BAD)).group_by(Take.error_kind).order_by(count.desc())
    rows = session.execute(causes).all()
    for cause, failed in rows[:MOST_CAUSES]:
        yield (cause or UNNAMED,), failed
    if len(rows) > MOST_CAUSES:
        yield (OTHER,), sum(failed for _, failed in rows[MOST_CAUSES:])


def _transfers(session: Session) -> Iterator[Sample]:
    counted = select(Transfer.kind, func.count()).group_by(Transfer.kind)
    found = dict(session.execute(counted).all())
    for kind in TransferKind:
        yield (kind.value,), found.get(kind, 0)


def _money(amount: SQLColumnExpression[int]) -> Callable[[Session], Iterator[Sample]]:
    """Read one amount of each provider's budget, which bounds all accounts together."""

    def read(session: Session) -> Iterator[Sample]:
        for provider in limits.names(session):
            owned = select(amount).where(Budget.owner == provider_owner(provider))
            yield (provider,), _dollars(session.scalar(owned) or 0)

    return read


def _dollars(micros: int) -> float:
    # Prometheus knows floating point alone; nothing is ever computed with this figure.
    return micros / 1_000_000


def _balance(session: Session) -> Iterator[Sample]:
    read = select(ProviderAccount.provider, ProviderAccount.balance).where(ProviderAccount.balance.is_not(None))
    for provider, balance in session.execute(read):
        yield (provider,), _dollars(balance or 0)


def _account_age(session: Session) -> Iterator[Sample]:
    age = now_ms() - ProviderAccount.read_at
    read = select(ProviderAccount.provider, age).where(ProviderAccount.read_at.is_not(None))
    for provider, millis in session.execute(read):
        yield (provider,), max(millis, 0) / 1000


def _breaker(session: Session) -> Iterator[Sample]:
    for account in session.scalars(select(ProviderAccount)):
        for block in Block:
            yield (account.provider, block.value), float(account.blocked_kind == block)


def _slots(session: Session) -> Iterator[Sample]:
    for name in limits.names(session):
        yield (name,), limits.concurrency(session, name)


def _limit(figure: Callable[[limits.State], float]) -> Callable[[Session], Iterator[Sample]]:
    """Read one figure of how each provider's limits stand."""

    def read(session: Session) -> Iterator[Sample]:
        for name in limits.names(session):
            state = limits.state(session, name)
            if state is not None:
                yield (name,), figure(state)

    return read


def _calls_per_minute(state: limits.State) -> float:
    return state.per_minute * state.learnt_share * limits.SHARE / 100


def _runs_paused(session: Session) -> Iterator[Sample]:
    yield (), _count(session, _is_running(), Run.paused_at.is_not(None))


def _oldest_doubt(session: Session) -> Iterator[Sample]:
    doubted = select(func.max(now_ms() - Attempt.doubted_at)).where(Attempt.state == AttemptState.AMBIGUOUS)
    yield (), max(session.scalar(doubted) or 0, 0) / 1000


def _orphans(session: Session) -> Iterator[Sample]:
    yield (), _count(session, Orphan.state == OrphanState.OPEN)


def _alive(session: Session) -> Iterator[Sample]:
    yield ("worker",), leases.alive(session, leases.WORKER)
    yield ("sweeper",), leases.alive(session, leases.SWEEPER)


FAMILIES: tuple[Family, ...] = (
    Family("callsheet_takes", "Takes by state.", ("state",), _by_state(Take.state, TakeState)),
    Family(
        "callsheet_takes_failed", "Takes that failed or are blocked, by the code of the cause.", ("cause",), _failures
    ),
    Family("callsheet_rows_due", "Rows that wait for nothing but a worker, by its queue.", ("queue",), _rows_due),
    Family("callsheet_oldest_due_seconds", "For how long the longest waiting take has been due.", (), _oldest_due),
    Family(
        "callsheet_heard_total", "Takes that were listened to, by what was found.", ("outcome",), _heard, counts_up=True
    ),
    Family(
        "callsheet_oldest_unheard_seconds",
        "For how long the first take that nobody has listened to has been spoken.",
        (),
        _oldest_unheard,
    ),
    Family("callsheet_references", "Recordings by state.", ("state",), _by_state(Reference.state, ReferenceState)),
    Family("callsheet_voices", "Voices by state.", ("state",), _by_state(Voice.state, VoiceState)),
    Family(
        "callsheet_attempts", "Paid attempts at voices by state.", ("state",), _by_state(Attempt.state, AttemptState)
    ),
    Family(
        "callsheet_oldest_doubt_seconds",
        "For how long the longest unclear attempt has been unclear.",
        (),
        _oldest_doubt,
    ),
    Family("callsheet_orphans_open", "Voices whose answer came too late and that nobody has decided on.", (), _orphans),
    Family("callsheet_runs", "Runs by state.", ("state",), _by_state(Run.state, RunState)),
    Family("callsheet_runs_paused", "Runs that a person has paused.", (), _runs_paused),
    Family("callsheet_transfers_total", "Payments in the ledger by kind.", ("kind",), _transfers, counts_up=True),
    Family(
        "callsheet_spent_dollars",
        "Spent at a provider, losses included.",
        ("provider",),
        _money(Budget.spent + Budget.overrun),
    ),
    Family("callsheet_held_dollars", "Held at a provider for calls under way.", ("provider",), _money(Budget.held)),
    Family("callsheet_balance_dollars", "What the provider last said is left.", ("provider",), _balance),
    Family(
        "callsheet_account_read_age_seconds", "Since the provider's account was last read.", ("provider",), _account_age
    ),
    Family(
        "callsheet_breaker_open",
        "1 while no call is made, because the provider would refuse it.",
        ("provider", "cause"),
        _breaker,
    ),
    Family("callsheet_limit_slots", "Calls the provider allows at once.", ("provider",), _slots),
    Family(
        "callsheet_limit_slots_taken", "Slots that are taken.", ("provider",), _limit(lambda state: state.slots_taken)
    ),
    Family(
        "callsheet_limit_calls_per_minute",
        "Calls a minute that are let through at most.",
        ("provider",),
        _limit(_calls_per_minute),
    ),
    Family(
        "callsheet_limit_learnt_share",
        "What is used of the pace since calls were refused for speed, from 0 to 1; 1 where none was lately.",
        ("provider",),
        _limit(lambda state: state.learnt_share),
    ),
    Family(
        "callsheet_limit_cooldown_seconds",
        "How long nobody calls after a refusal for speed.",
        ("provider",),
        _limit(lambda state: state.cooldown_seconds),
    ),
    Family("callsheet_processes_alive", "Workers and sweepers that beat.", ("part",), _alive),
)
"""Every metric that the rows tell."""
