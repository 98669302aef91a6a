"""What the database itself refuses, whoever asks: the invariants that rest on constraints."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from pipeline.db.engine import Database
from pipeline.intake.models import Run
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, Budget, Transfer, TransferKind
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceKind, VoiceState
from tests.integration.ledger.purses import Purse, open_purse
from tests.support import factories
from tests.support.fakes import PROVIDER

OVER = [AttemptState.REJECTED, AttemptState.RELEASED, AttemptState.WRITTEN_OFF]
LIVE = [state for state in AttemptState if state not in OVER]


@pytest.fixture
def purse(database: Database) -> Purse:
    return open_purse(database, run_cap=1_000)


def refused(database: Database, change: Callable[[Session], object]) -> str:
    """Return why the database does not take a change, or an empty text where it does; nothing is kept of it."""
    with Session(database.engine) as session:
        try:
            change(session)
            session.flush()
        except DBAPIError as error:
            return str(error.orig)
    return ""


def attempt(session: Session, purse: Purse, state: AttemptState, **change: object) -> None:
    """Insert an attempt at the voice of this account's one recording."""
    owner = session.get_one(Account, purse.account_id)
    wish = factories.wanted_clone(session, owner)
    made_of = factories.sha256("mara")
    known = session.query(Voice).filter_by(account_id=owner.id, key=wish.key).one_or_none()
    if known is None:
        known = Voice(
            id=factories.an_id("voice"), account_id=owner.id, provider=PROVIDER, key=wish.key, kind=VoiceKind.CLONED
        )
        session.add(known)
        session.flush()
    succeeded = state is AttemptState.SUCCEEDED
    values: dict[str, object] = {
        "id": factories.an_id("try"),
        "account_id": owner.id,
        "voice_id": known.id,
        "kind": VoiceKind.CLONED,
        "provider": PROVIDER,
        "model": "stage-clone",
        "subject": made_of,
        "state": state,
        "price": 1,
        "label": "mara~00000000",
        "run_id": purse.run_id,
        "provider_voice_id": factories.an_id("stage") if succeeded else None,
        "lease_until": 1 if state is AttemptState.SENDING else None,
    }
    session.add(Attempt(**{**values, **change}))
    session.flush()


@pytest.mark.parametrize("second", LIVE)
@pytest.mark.parametrize("first", [AttemptState.RESERVED, AttemptState.AMBIGUOUS, AttemptState.SUCCEEDED])
def test_i1_a_live_or_succeeded_attempt_lets_no_other_live(
    database: Database, purse: Purse, first: AttemptState, second: AttemptState
) -> None:
    def two(session: Session) -> None:
        attempt(session, purse, first)
        attempt(session, purse, second)

    assert "unique" in refused(database, two).lower()


@pytest.mark.parametrize("first", OVER)
def test_i1_one_that_is_over_lets_the_next_live(database: Database, purse: Purse, first: AttemptState) -> None:
    def two(session: Session) -> None:
        attempt(session, purse, first)
        attempt(session, purse, AttemptState.RESERVED)

    assert not refused(database, two)


def test_i1_a_person_may_order_one_more(database: Database, purse: Purse) -> None:
    def two(session: Session) -> None:
        attempt(session, purse, AttemptState.SUCCEEDED)
        attempt(session, purse, AttemptState.RESERVED, forced=1)

    assert not refused(database, two)


def test_i2_two_attempts_never_have_one_upstream_voice(database: Database, purse: Purse) -> None:
    def two(session: Session) -> None:
        attempt(session, purse, AttemptState.SUCCEEDED, provider_voice_id="stage_1")
        attempt(session, purse, AttemptState.SUCCEEDED, provider_voice_id="stage_1", forced=1)

    assert "unique" in refused(database, two).lower()


@pytest.mark.parametrize(("state", "voice_id"), [(AttemptState.SUCCEEDED, None), (AttemptState.AMBIGUOUS, "stage_1")])
def test_i2_an_attempt_has_succeeded_exactly_when_it_has_a_voice(
    database: Database, purse: Purse, state: AttemptState, voice_id: str | None
) -> None:
    why = refused(database, lambda session: attempt(session, purse, state, provider_voice_id=voice_id))
    assert "succeeded_has_voice_id" in why


@pytest.mark.parametrize(("state", "voice_id"), [(VoiceState.READY, None), (VoiceState.WANTED, "stage_1")])
def test_i2_a_voice_is_ready_exactly_when_the_provider_has_it(
    database: Database, purse: Purse, state: VoiceState, voice_id: str | None
) -> None:
    def insert(session: Session) -> None:
        session.add(_voice(purse, "clone:1", state=state, provider_voice_id=voice_id))

    assert "ready_has_voice_id" in refused(database, insert)


def test_i2_a_made_voice_belongs_to_one_row_and_a_system_voice_to_all(database: Database, purse: Purse) -> None:
    other = open_purse(database)

    def both(kind: VoiceKind) -> Callable[[Session], None]:
        def insert(session: Session) -> None:
            for owner in (purse, other):
                session.add(_voice(owner, "key", kind=kind, state=VoiceState.READY, provider_voice_id="stage_1"))

        return insert

    assert "unique" in refused(database, both(VoiceKind.CLONED)).lower()
    assert not refused(database, both(VoiceKind.SYSTEM))


def test_i3_an_attempt_is_charged_once(database: Database, purse: Purse) -> None:
    pay(database, purse)
    assert "unique" in refused(database, lambda session: session.add(_transfer(purse))).lower()


@pytest.mark.parametrize("change", [{"spent": 1_001}, {"held": 1_001}, {"spent": 501, "held": 500}])
def test_i4_no_budget_goes_beyond_its_cap(database: Database, purse: Purse, change: dict[str, int]) -> None:
    assert "within_cap" in refused(database, _budget(purse, change))


@pytest.mark.parametrize("change", [{"spent": -1}, {"held": -1}, {"overrun": -1}])
def test_i4_no_budget_goes_below_zero(database: Database, purse: Purse, change: dict[str, int]) -> None:
    assert "not_negative" in refused(database, _budget(purse, change))


@pytest.mark.parametrize("amount", [0, -5])
def test_i5_a_transfer_moves_something(database: Database, purse: Purse, amount: int) -> None:
    assert "positive" in refused(database, lambda session: session.add(_transfer(purse, amount=amount)))


@pytest.mark.parametrize(
    "change",
    [update(Transfer).values(amount=1), update(Transfer).values(run_id=None), delete(Transfer)],
    ids=["another amount", "another run", "deletion"],
)
def test_i5_no_transfer_is_changed_or_removed(database: Database, purse: Purse, change: object) -> None:
    pay(database, purse)
    assert "append-only" in refused(database, lambda session: session.execute(change))  # type: ignore[call-overload]


def test_i5_no_transfer_leaves_by_the_back_door(database: Database, purse: Purse) -> None:
    pay(database, purse)
    door = "REPLACE INTO transfers SELECT * FROM transfers" if database.is_sqlite else "TRUNCATE transfers"
    assert "append-only" in refused(database, lambda session: session.execute(text(door)))


def test_i6_nothing_is_being_sent_without_a_lease(database: Database, purse: Purse) -> None:
    why = refused(database, lambda session: attempt(session, purse, AttemptState.SENDING, lease_until=None))
    assert "sending_has_lease" in why


@pytest.mark.parametrize(
    ("change", "why"),
    [({"state": TakeState.SPEAKING}, "speaking_has_lease"), ({"state": TakeState.DONE}, "done_has_object")],
)
def test_i6_no_take_is_spoken_without_a_lease_nor_done_without_audio(
    database: Database, purse: Purse, change: dict[str, object], why: str
) -> None:
    def ask(session: Session) -> None:
        started = session.get_one(Run, purse.run_id)
        factories.take(session, started, factories.system_voice(session, started))
        session.execute(update(Take).values(**change))

    assert why in refused(database, ask)


@pytest.mark.parametrize("table", ["runs", "voices", "takes", "attempts", "holds", "references"])
def test_no_row_has_a_state_that_nobody_knows(database: Database, table: str) -> None:
    with database.engine.connect() as connection:
        checked = text(
            f"SELECT sql FROM sqlite_master WHERE name = '{table}'"
            if database.is_sqlite
            else "SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint"
            f" WHERE conrelid = '\"{table}\"'::regclass"
        )
        assert "state" in str(connection.scalar(checked))


def test_a_transfer_belongs_to_an_account(database: Database, purse: Purse) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(_transfer(Purse("acct_of_nobody", purse.run_id)))


def pay(database: Database, purse: Purse) -> None:
    with database.write() as session:
        ledger.hold(
            session, account_id=purse.account_id, run_id=purse.run_id, provider="kyma", attempt="try_1", amount=10
        )
        ledger.settle(session, "try_1", ledger.Payment(TransferKind.CLONE, "kyma", 10, "voice_1"))


def _transfer(purse: Purse, amount: int = 10) -> Transfer:
    return Transfer(
        id=factories.an_id("pay"),
        account_id=purse.account_id,
        kind=TransferKind.CLONE,
        attempt="try_1",
        debit=purse.account_id,
        credit=PROVIDER,
        amount=amount,
        estimate=10,
        source="provider",
    )


def _voice(purse: Purse, key: str, **change: object) -> Voice:
    values = {"kind": VoiceKind.CLONED, **change}
    return Voice(id=factories.an_id("voice"), account_id=purse.account_id, provider=PROVIDER, key=key, **values)


def _budget(purse: Purse, change: dict[str, int]) -> Callable[[Session], object]:
    return lambda session: session.execute(update(Budget).where(Budget.owner == purse.run_id).values(**change))
