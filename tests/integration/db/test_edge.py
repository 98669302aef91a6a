"""The edge: hints go out after a commit and never without one; a permit comes before a claim."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import edge as edges
from pipeline.db import limits
from pipeline.db.events import emit
from pipeline.ledger.models import Account
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage


def test_events_are_published_after_the_commit_in_order(stage: Stage) -> None:
    with stage.edge.write() as session:
        emit(session, "voice.wanted", "voice_1")
        emit(session, "attempt.reserved", "try_1")
        assert list(stage.messages.waiting) == []
    assert list(stage.messages.waiting) == [("voices.reserve", "voice_1"), ("voices.make", "try_1")]


def test_whoever_gets_the_hint_can_read_the_row(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(_: str, row_id: str) -> None:
        with stage.database.read() as session:
            seen.append(session.get(Account, row_id) is not None)

    monkeypatch.setattr(stage.messages, "publish", look)
    with stage.edge.write() as session:
        emit(session, "voice.wanted", factories.account(session).id)
    assert seen == [True]


def test_what_is_not_committed_is_not_published(stage: Stage) -> None:
    def fail() -> None:
        with stage.edge.write() as session:
            emit(session, "voice.wanted", "voice_1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(stage.messages.waiting) == []


def test_events_of_one_transaction_are_not_those_of_the_next(stage: Stage) -> None:
    for row in ("voice_1", "voice_2"):
        with stage.edge.write() as session:
            emit(session, "voice.wanted", row)
    assert stage.messages.of("voices.reserve") == ["voice_1", "voice_2"]


def test_what_has_happened_is_written_down_once_the_database_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(stage, monkeypatch, times=2)
    stage.edge.record(lambda session: emit(session, "voice.wanted", "voice_1"))
    assert stage.messages.of("voices.reserve") == ["voice_1"]


def test_a_database_that_stays_away_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    away(stage, monkeypatch, times=10)
    monkeypatch.setattr(edges, "AWAY_SECONDS", 0)
    with pytest.raises(OperationalError):
        stage.edge.record(lambda session: emit(session, "voice.wanted", "voice_1"))
    assert stage.messages.of("voices.reserve") == []


def test_a_claim_is_made_under_a_permit_that_is_given_back(stage: Stage) -> None:
    admission = stage.edge.admit(lambda _: "the claim", seconds=60)
    assert admission is not None
    assert (admission.claim, taken(stage)) == ("the claim", 1)
    stage.edge.dismiss(admission)
    assert taken(stage) == 0


def test_a_call_that_ends_hands_its_slot_to_a_thread_that_waits(stage: Stage) -> None:
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=1, per_minute=6_000_000)
    first = stage.edge.admit(lambda _: "first", seconds=60)
    assert first is not None
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(stage.edge.admit, lambda _: ("second", taken(stage)), seconds=60)
        while stage.edge.gate._waiting == 0:
            pass
        stage.edge.dismiss(first)
        second = waiting.result(timeout=60)
    assert second is not None
    assert (second.claim, second.held.slot) == (("second", 1), first.held.slot)
    stage.edge.dismiss(second)
    assert taken(stage) == 0


def test_where_nothing_was_claimed_no_permit_is_kept(stage: Stage) -> None:
    assert stage.edge.admit(lambda _: None, seconds=60) is None
    assert taken(stage) == 0


def test_who_gets_no_permit_in_time_claims_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "PATIENCE_SECONDS", 0.05)
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=0, per_minute=6_000_000)
    assert stage.edge.admit(_never, seconds=60) is None


def test_a_claim_that_fails_keeps_no_permit(stage: Stage) -> None:
    with pytest.raises(RuntimeError):
        stage.edge.admit(_never, seconds=60)
    assert taken(stage) == 0


def test_the_next_part_waits_for_its_place(stage: Stage) -> None:
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=1, per_minute=60_000)
        limits.cool_down(session, PROVIDER, 0.05)
    stage.edge.wait_place()
    with stage.database.read() as session:
        assert limits.wait_place_ms(session, PROVIDER) <= 2


def away(stage: Stage, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let the database be away for the next few transactions."""
    real, refusals = stage.database.write, iter(range(times))

    def write(*, first: bool = False) -> AbstractContextManager[Session]:
        if next(refusals, None) is not None:
            raise OperationalError("BEGIN", {}, OSError("gone"))
        return real(first=first)

    monkeypatch.setattr(edges, "RETURN_SECONDS", 0)
    monkeypatch.setattr(stage.database, "write", write)


def taken(stage: Stage) -> int:
    with stage.database.read() as session:
        rows = session.query(limits.Slot).filter(limits.Slot.holder.is_not(None))
        return rows.count()


def _never(_: object) -> object:
    raise RuntimeError("nothing may be claimed")
