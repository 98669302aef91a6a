"""What other attempts may have cost around a call in doubt: only what is known of them leaves the balance a witness."""

import pytest
from sqlalchemy import update

from pipeline.provider.errors import Ambiguous
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from tests.integration.voices.attempts import attempt, decide, reconcile, send, settle, want
from tests.support.fakes import PRICES
from tests.support.stage import Stage


def test_what_waits_for_a_person_since_before_is_taken_out_of_what_others_may_have_cost(stage: Stage) -> None:
    """Without it one attempt that waits would leave every doubt after it without evidence."""
    first = want(stage, "bram")
    settle(stage, send(stage), Ambiguous("reset"))
    reconcile(stage, attempt(stage).id)
    with stage.database.write() as session:
        session.execute(update(Attempt).values(settled_at=Attempt.settled_at - 3_600_000))
    want(stage, "mara", run_id=first.run_id)
    second = send(stage)
    settle(stage, second, Ambiguous("reset"))
    with stage.database.read() as session:
        assert voices.parked(session, second.attempt_id) == PRICES.clone_micros
    reconcile(stage, second.attempt_id)
    balances = stage.provider.doubts[-1].balances
    assert balances is not None
    assert (balances.others_low, balances.others_high) == (0, 0)


@pytest.mark.parametrize(("reserved_ago_ms", "others_high"), [(3_600_000, 0), (0, PRICES.clone_micros)])
def test_what_waits_for_its_turn_since_before_is_taken_out_of_what_others_may_have_cost(
    stage: Stage, reserved_ago_ms: int, others_high: int
) -> None:
    """Without it the rest of a cast would leave its first doubt without evidence."""
    first = want(stage, "bram")
    sent = send(stage)
    want(stage, "mara", run_id=first.run_id)
    stage.hand_on()
    with stage.database.write() as session:
        waiting = update(Attempt).where(Attempt.id != sent.attempt_id)
        session.execute(waiting.values(created_at=Attempt.created_at - reserved_ago_ms))
    settle(stage, sent, Ambiguous("reset"))
    reconcile(stage, sent.attempt_id)
    balances = stage.provider.doubts[-1].balances
    assert balances is not None
    assert balances.others_high == others_high


@pytest.mark.parametrize("spoiled_by", ["a decision", "a moment too near"])
def test_what_was_decided_or_referred_around_the_call_stays_in_what_others_may_have_cost(
    stage: Stage, spoiled_by: str
) -> None:
    first = want(stage, "bram")
    settle(stage, send(stage), Ambiguous("reset"))
    reconcile(stage, attempt(stage).id)
    waiting = attempt(stage).id
    if spoiled_by == "a decision":
        with stage.database.write() as session:
            session.execute(update(Attempt).values(settled_at=Attempt.settled_at - 3_600_000))
    want(stage, "mara", run_id=first.run_id)
    second = send(stage)
    if spoiled_by == "a decision":
        decide(stage, first, waiting, voices.Action.WRITE_OFF)
    settle(stage, second, Ambiguous("reset"))
    with stage.database.read() as session:
        assert voices.parked(session, second.attempt_id) == 0
