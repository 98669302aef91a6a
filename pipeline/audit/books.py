"""I3, I4, I5 and I7: transfers, holds and budgets tell one story, and nobody can change it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, exists, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, aliased

from pipeline.audit.report import Faults, Finding, Scope, finding
from pipeline.ledger import service as ledger
from pipeline.ledger.models import (
    Budget,
    Decision,
    Hold,
    HoldState,
    Transfer,
    TransferKind,
    append_only_triggers,
    signed_amount,
)
from pipeline.ledger.money import dollars
from pipeline.references.models import ConsentEvent
from pipeline.speech.models import Take
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import GONE, AttemptState, OrphanState

CHARGES = (TransferKind.CLONE, TransferKind.DESIGN, TransferKind.SPEECH)
BATCH = 1_000
"""Ids a question: bounded by SQLite's 32,766 variables."""


def paid_once(scope: Scope) -> Finding:
    """I3: one transfer an attempt, and no charge without a hold that it has settled."""
    faults = Faults()
    mine = scope.mine(Transfer.account_id)
    charged = select(func.max(Transfer.id), Transfer.attempt, func.count()).where(*mine)
    for which, by in ((Transfer.kind.in_(CHARGES), ()), (Transfer.kind.not_in(CHARGES), (Transfer.kind,))):
        twice = charged.where(which).group_by(Transfer.attempt, *by).having(func.count() > 1)
        faults.add_all(scope, twice, lambda row: f"{row[1]} has {row[2]} transfers")
    settled = and_(Hold.attempt == Transfer.attempt, Hold.state == HoldState.SETTLED)
    unheld = select(Transfer.id, Transfer.attempt).outerjoin(Hold, settled)
    faults.add_all(
        scope,
        unheld.where(Transfer.kind.in_(CHARGES), Hold.attempt.is_(None), *mine),
        lambda row: f"nothing was held and settled for {row[1]}",
    )
    return finding("I3", "one charge an attempt, and none without a hold", scope.count(Transfer), faults)


def within_caps(scope: Scope) -> Finding:
    """I4: spent and held stay within every cap, and nothing is below zero."""
    faults = Faults()
    wrong = or_(
        Budget.spent + Budget.held > Budget.cap,
        Budget.spent < 0,
        Budget.held < 0,
        Budget.overrun < 0,
        Budget.estimated < 0,
    )
    query = select(Budget.owner, Budget.spent, Budget.held, Budget.cap).where(wrong, *scope.mine(Budget.account_id))
    faults.add_all(
        scope,
        query,
        lambda row: f"{dollars(row[1])} spent and {dollars(row[2])} held do not fit its cap of {dollars(row[3])}",
    )
    return finding("I4", "no budget beyond its cap or below zero", scope.count(Budget), faults)


def append_only(scope: Scope) -> Finding:
    """I5: transfers are balanced by their form, refunds name what they reverse, and triggers refuse every change."""
    faults = Faults()
    mine = scope.mine(Transfer.account_id)
    misshapen = or_(Transfer.amount <= 0, Transfer.debit != Transfer.account_id, Transfer.credit == "")
    told = "it moves {} from {!r} to {!r}"
    shape = select(Transfer.id, Transfer.amount, Transfer.debit, Transfer.credit).where(misshapen, *mine)
    faults.add_all(scope, shape, lambda row: told.format(dollars(row[1]), row[2], row[3]))
    is_refund = Transfer.kind == TransferKind.REFUND
    loose = or_(and_(is_refund, Transfer.reverses.is_(None)), and_(~is_refund, Transfer.reverses.is_not(None)))
    faults.add_all(
        scope,
        select(Transfer.id).where(loose, *mine),
        lambda _: "a refund names what it reverses, and nothing else does",
    )
    _add_bad_refunds(scope, faults)
    for table, missing in _missing_triggers(scope):
        faults.add(table, f"nothing refuses to change it: the trigger {missing} is gone")
    rows = scope.count(Transfer) + scope.count(Decision)
    return finding("I5", "transfers are balanced and cannot be changed", rows, faults)


def sums_agree(scope: Scope) -> Finding:
    """I7: every budget says what its holds and transfers add up to."""
    faults = Faults()
    told = _retold(scope)
    columns = (Budget.owner, Budget.spent + Budget.overrun, Budget.held, Budget.estimated)
    rows = 0
    for owner, *amounts in scope.session.execute(select(*columns).where(*scope.mine(Budget.account_id))):
        rows += 1
        said, summed = Sums(*amounts), told.pop(owner, Sums())
        if said != summed:
            faults.add(owner, f"it says {said}; holds and transfers add up to {summed}")
    for owner, summed in told.items():
        if summed != Sums():
            faults.add(owner, f"it has no budget; holds and transfers add up to {summed}")
    rows += scope.count(Hold) + scope.count(Transfer)
    return finding("I7", "budgets say what holds and transfers add up to", rows, faults)


def held_for_open_rows(scope: Scope) -> Finding:
    """I7: money is held for what is under way, and for nothing else."""
    faults = Faults()
    mine = scope.mine(Attempt.account_id)
    is_open = Attempt.state.in_([state for state in AttemptState if state.is_open()])
    query = select(Attempt.id, Attempt.state, Hold.state).outerjoin(Hold, Hold.attempt == Attempt.id).where(*mine)
    free = query.where(is_open, or_(Hold.attempt.is_(None), Hold.state != HoldState.OPEN))
    faults.add_all(scope, free, lambda row: f"it is {row[1]}, and its hold is {row[2] or 'missing'}")
    spent = Attempt.state.in_((AttemptState.SUCCEEDED, AttemptState.WRITTEN_OFF))
    # Where the provider charges at the first use, a voice that was made keeps its hold until it speaks or is lost.
    freed = and_(spent, ~_has_lost_its_voice(), Hold.state == HoldState.RELEASED)
    wrong = or_(freed, and_(~spent, ~is_open, Hold.state != HoldState.RELEASED))
    faults.add_all(scope, query.where(wrong), lambda row: f"it is {row[1]}, and its hold is {row[2]}")
    for attempt, why in _idle_holds(scope):
        faults.add(attempt, why)
    return finding("I7", "money is held for what is under way alone", scope.count(Hold) + scope.count(Attempt), faults)


def costs_agree(scope: Scope) -> Finding:
    """I7: every take says what its transfers add up to."""
    faults = Faults()
    paid = (
        select(Transfer.subject, _sum(signed_amount()).label("paid"))
        .where(*scope.mine(Transfer.account_id))
        .group_by(Transfer.subject)
        .subquery()
    )
    summed = func.coalesce(paid.c.paid, 0)
    query = select(Take.id, Take.cost, summed).outerjoin(paid, paid.c.subject == Take.id)
    faults.add_all(
        scope,
        query.where(Take.cost != summed, *scope.mine(Take.account_id)),
        lambda row: f"it says {dollars(row[1])}; its transfers add up to {dollars(row[2])}",
    )
    return finding("I7", "takes say what their transfers add up to", scope.count(Take), faults)


@dataclass(frozen=True)
class Sums:
    """Micro-dollars of one owner."""

    spent: int = 0
    held: int = 0
    estimated: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.spent + other.spent, self.held + other.held, self.estimated + other.estimated)

    def __str__(self) -> str:
        return f"{dollars(self.spent)} spent ({dollars(self.estimated)} of it estimated) and {dollars(self.held)} held"


def _retold(scope: Scope) -> dict[str, Sums]:
    """Add up holds and transfers for each owner, in one pass over each table."""
    signed = signed_amount()
    guessed = case((Transfer.source == "estimate", signed), else_=0)
    paid = (Transfer.credit, Transfer.account_id, Transfer.production_id, Transfer.run_id)
    held = (Hold.provider, Hold.account_id, Hold.production_id, Hold.run_id)
    told: dict[str, Sums] = defaultdict(Sums)
    spent = select(*paid, _sum(signed), _sum(guessed)).where(*scope.mine(Transfer.account_id)).group_by(*paid)
    for *owners, amount, estimated in scope.session.execute(spent):
        _tell(told, scope, owners, Sums(amount, 0, estimated))
    opened = (Hold.state == HoldState.OPEN, *scope.mine(Hold.account_id))
    for *owners, amount in scope.session.execute(select(*held, _sum(Hold.amount)).where(*opened).group_by(*held)):
        _tell(told, scope, owners, Sums(0, amount, 0))
    return told


def _tell(told: dict[str, Sums], scope: Scope, owners: list[str | None], sums: Sums) -> None:
    provider, *others = owners
    # A provider's budget bounds all accounts: one account's rows say nothing about it.
    shared = [ledger.provider_owner(provider or "")] if scope.account_id is None else []
    for owner in (*shared, *others):
        if owner:
            told[owner] += sums


def _idle_holds(scope: Scope) -> Iterator[tuple[str, str]]:
    """Find open holds of which no row is under way. Those of attempts are compared in SQL; the rest are of takes."""
    adopted = select(Orphan.id).where(Orphan.state == OrphanState.ADOPTED)
    made = Hold.attempt.in_(select(Attempt.id)) | Hold.attempt.in_(adopted)
    query = select(Hold.attempt).where(Hold.state == HoldState.OPEN, ~made, *scope.mine(Hold.account_id))
    for attempts in scope.session.scalars(query).partitions(BATCH):
        takes = {attempt.partition("#")[0] for attempt in attempts}
        states = dict(scope.session.execute(select(Take.id, Take.state).where(Take.id.in_(takes))).all())
        for attempt in attempts:
            state = states.get(attempt.partition("#")[0])
            if state is None:
                yield attempt, "money is held for it, and there is no such attempt"
            elif state.is_final():
                yield attempt, f"money is held for it, and its take is {state}"


def _has_lost_its_voice() -> ColumnElement[bool]:
    same = and_(Voice.id == Attempt.voice_id, Voice.provider_voice_id == Attempt.provider_voice_id)
    has_it = exists().where(same, func.coalesce(Voice.problem, "") != GONE).correlate(Attempt)
    return and_(Attempt.state == AttemptState.SUCCEEDED, ~has_it)


def _add_bad_refunds(scope: Scope, faults: Faults) -> None:
    original, back = aliased(Transfer), aliased(Transfer)
    refunded = _sum(back.amount)
    too_much = (
        select(original.id, original.amount, refunded)
        .join(back, and_(back.reverses == original.id, back.kind == TransferKind.REFUND))
        .where(*scope.mine(original.account_id))
        .group_by(original.id, original.amount)
        .having(refunded > original.amount)
    )
    faults.add_all(scope, too_much, lambda row: f"{dollars(row[2])} were refunded of it, and it was {dollars(row[1])}")
    strays = (
        select(back.id, back.reverses)
        .outerjoin(original, and_(original.id == back.reverses, original.account_id == back.account_id))
        .where(back.kind == TransferKind.REFUND, original.id.is_(None), *scope.mine(back.account_id))
    )
    faults.add_all(scope, strays, lambda row: f"it reverses {row[1]}, which the account has not paid")


def _missing_triggers(scope: Scope) -> Iterator[tuple[str, str]]:
    dialect = scope.session.get_bind().dialect.name
    found = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
    }
    there = set(scope.session.scalars(text(found[dialect])))
    for table in (Transfer.__tablename__, Decision.__tablename__, ConsentEvent.__tablename__):
        for name in append_only_triggers(table, dialect):
            if name not in there:
                yield table, name


def _sum(amount: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(amount), 0), BigInteger)
