"""The UPDATE in the database allows exactly what the table of transitions says, under the right fence alone."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.voices.models import Attempt
from pipeline.voices.rules import TRANSITIONS, AttemptState, Move
from pipeline.voices.service import moving
from pipeline.voices.service.moving import move
from tests.integration.voices.attempts import send, want
from tests.support.stage import Stage

BY_UPDATE = [by for by in Move if by not in {Move.RESERVE, Move.SEND}]
"""A reservation is an INSERT, and a send a claim."""
VOICE_ID = "stage_moved"


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    """A transaction over one attempt that has been sent; it leaves no trace."""
    want(stage)
    send(stage)
    with stage.database.write() as session:
        yield session
        session.rollback()


def put(session: Session, state: AttemptState) -> Attempt:
    """Let the attempt be in a state, with what the table's constraints ask of it."""
    is_sending, is_made = state is AttemptState.SENDING, state is AttemptState.SUCCEEDED
    values = {
        "state": state,
        "fence": 7,
        "holder": "wrk_1" if is_sending else None,
        "lease_until": 1 if is_sending else None,
        "provider_voice_id": VOICE_ID if is_made else None,
    }
    session.execute(update(Attempt).values(**values))
    session.expire_all()
    return session.query(Attempt).one()


def values(by: Move) -> dict[str, object]:
    return {"provider_voice_id": VOICE_ID} if TRANSITIONS[by].after is AttemptState.SUCCEEDED else {}


def passes(session: Session, by: Move, states: Iterable[AttemptState] = AttemptState) -> set[AttemptState]:
    """Return the states that let a move through."""
    passed = set()
    for state in states:
        found = put(session, state)
        moved = move(session, found, by, **values(by))
        session.expire_all()
        assert found.state is (TRANSITIONS[by].after if moved else state), (by, state)
        assert not moved or (found.holder, found.lease_until) == (None, None), by
        passed |= {state} if moved else set()
    return passed


def test_each_state_lets_each_move_through_exactly_where_the_table_says(session: Session) -> None:
    for by in BY_UPDATE:
        assert passes(session, by) == TRANSITIONS[by].before, by


def test_control_a_table_without_its_conditions_lets_anything_through(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = {by: replace(told, before=frozenset(AttemptState)) for by, told in TRANSITIONS.items()}
    monkeypatch.setattr(moving, "TRANSITIONS", everywhere)
    # What has succeeded has a voice: there the table's own constraint would still refuse.
    others = [state for state in AttemptState if state is not AttemptState.SUCCEEDED]
    assert passes(session, Move.GIVE_UP, others) == set(others)


def test_no_move_passes_under_another_fence(session: Session) -> None:
    for by in BY_UPDATE:
        state = min(TRANSITIONS[by].before)
        found = put(session, state)
        stale = Attempt(id=found.id, fence=6)
        assert not move(session, stale, by, **values(by)), by
        session.expire_all()
        assert found.state is state


def test_only_what_is_reserved_can_be_claimed_for_sending_and_each_claim_raises_the_fence(session: Session) -> None:
    states = (AttemptState.RESERVED, AttemptState.SENDING)
    for state in AttemptState:
        put(session, state)
        claimed = leases.claim(session, Attempt, attempt_id(session), holder="wrk_2", seconds=9, state=states)
        assert (claimed is not None) == (state in TRANSITIONS[Move.SEND].before), state
        if claimed is not None:
            assert (claimed.state, claimed.fence, claimed.holder) == (AttemptState.SENDING, 8, "wrk_2")


def attempt_id(session: Session) -> str:
    return session.query(Attempt).one().id
