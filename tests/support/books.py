"""The audit of the books: what budgets say is recomputed from holds and transfers, and no money is forgotten."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, ColumnElement, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Hold, HoldState, Transfer, TransferKind, signed_amount
from pipeline.speech.models import Take
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState

CLOSED_AS = {
    AttemptState.SUCCEEDED: HoldState.SETTLED,
    AttemptState.REJECTED: HoldState.RELEASED,
    AttemptState.RELEASED: HoldState.RELEASED,
    AttemptState.WRITTEN_OFF: HoldState.SETTLED,
}


def assert_books_balance(session: Session) -> None:
    """Raise where a budget, a hold and what it was for tell different stories."""
    for budget in session.scalars(select(Budget)):
        held = _sum(session, Hold.amount, _of(Hold, budget.owner), Hold.state == HoldState.OPEN)
        spent = _sum(session, signed_amount(), _of(Transfer, budget.owner))
        assert (budget.held, budget.spent + budget.overrun) == (held, spent), budget.owner
    _assert_transfers_settle_holds(session)
    _assert_voices_agree(session)
    _assert_takes_agree(session)


def _assert_transfers_settle_holds(session: Session) -> None:
    settled = set(session.scalars(select(Hold.attempt).where(Hold.state == HoldState.SETTLED)))
    freely = (TransferKind.LOSS, TransferKind.REFUND)
    assert set(session.scalars(select(Transfer.attempt).where(Transfer.kind.not_in(freely)))) <= settled


def _assert_voices_agree(session: Session) -> None:
    for attempt in session.scalars(select(Attempt)):
        hold = session.get_one(Hold, attempt.id)
        expected = HoldState.OPEN if attempt.state.is_open() else CLOSED_AS[attempt.state]
        assert hold.state is expected, f"{attempt.id} is {attempt.state}, its hold is {hold.state}"


def _assert_takes_agree(session: Session) -> None:
    for take in session.scalars(select(Take)):
        spent = _sum(session, signed_amount(), Transfer.subject == take.id)
        assert take.cost == spent, f"{take.id} says {take.cost}, its transfers say {spent}"
        open_holds = _open_holds(session, take)
        assert not (take.state.is_final() and open_holds), f"{take.id} is {take.state} and still holds {open_holds}"


def _open_holds(session: Session, take: Take) -> Iterable[str]:
    mine = Hold.attempt.startswith(f"{take.id}#")
    return session.scalars(select(Hold.attempt).where(mine, Hold.state == HoldState.OPEN)).all()


def _of(table: type[Hold] | type[Transfer], owner: str) -> ColumnElement[bool]:
    provider = Hold.provider if table is Hold else Transfer.credit
    mine = (table.account_id == owner) | (table.run_id == owner) | (table.production_id == owner)
    return mine | (ledger.provider_owner("") + provider == owner)


def _sum(session: Session, amount: ColumnElement[int] | InstrumentedAttribute[int], *where: ColumnElement[bool]) -> int:
    total = cast(func.coalesce(func.sum(amount), 0), BigInteger)
    return session.scalar(select(total).where(*where)) or 0
