"""Where the balance is the evidence one attempt at most is under way: the check and the index, each by itself."""

from collections.abc import Callable

import pytest
from sqlalchemy import Index, text, update

from pipeline.provider.errors import Ambiguous, NotSent
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState, VoiceState
from pipeline.voices.service import sending
from tests.integration.voices.attempts import Wanted, at_once, attempts, begin, settle, voice_states, want
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

CAST = ("mara", "bram", "ilse", "odo")
INDEX = "uq_attempts_in_the_making"


@pytest.fixture
def cast(stage: Stage) -> Wanted:
    """Four voices of one run, their money held."""
    wanted = want(stage, CAST[0])
    for name in CAST[1:]:
        want(stage, name, run_id=wanted.run_id)
    stage.hand_on()
    stage.messages.lose_all()
    return wanted


def jobs(stage: Stage) -> list[voices.Job]:
    """Return what each attempt asks for, as workers see it that all look before any of them begins."""
    with stage.database.read() as session:
        found = [voices.job(session, attempt.id) for attempt in attempts(stage)]
    return [job for job in found if job is not None]


def begin_all_at_once(stage: Stage) -> list[voices.Claim]:
    waiting = jobs(stage)
    assert len(waiting) == len(CAST)
    actions: list[Callable[[], voices.Claim | None]] = [lambda job=job: begin(stage, job) for job in waiting]  # type: ignore[misc]
    return [claim for claim in at_once(actions) if claim is not None]


def being_sent(stage: Stage) -> int:
    return [attempt.state for attempt in attempts(stage)].count(AttemptState.SENDING)


def no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_must_wait", lambda *_: False)


def no_index(stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(text(f"DROP INDEX {INDEX}"))


@pytest.mark.usefixtures("cast")
def test_of_voices_begun_at_once_one_is_sent(stage: Stage) -> None:
    assert len(begin_all_at_once(stage)) == being_sent(stage) == 1


@pytest.mark.usefixtures("cast")
def test_the_index_alone_lets_one_be_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    no_check(monkeypatch)
    assert len(begin_all_at_once(stage)) == being_sent(stage) == 1


@pytest.mark.usefixtures("cast")
def test_control_without_the_check_and_the_index_all_are_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    no_check(monkeypatch)
    no_index(stage)
    assert len(begin_all_at_once(stage)) == being_sent(stage) == len(CAST)
    for claim in [voices.Claim(attempt.id, attempt.fence) for attempt in attempts(stage)]:
        settle(stage, claim, NotSent("over"))


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.AMBIGUOUS])
def test_while_one_is_under_way_the_next_is_not_even_looked_at(stage: Stage, state: AttemptState) -> None:
    first, second, *_ = jobs(stage)
    claim = begin(stage, first)
    assert claim is not None
    if state is AttemptState.AMBIGUOUS:
        settle(stage, claim, Ambiguous("reset"))
    with stage.database.read() as session:
        assert voices.job(session, second.id) is None
    assert begin(stage, second) is None


@pytest.mark.usefixtures("cast")
def test_what_waits_for_a_person_keeps_nobody_waiting(stage: Stage) -> None:
    first, second, *_ = jobs(stage)
    claim = begin(stage, first)
    assert claim is not None
    settle(stage, claim, Ambiguous("reset"))
    stage.messages.lose_all()
    with stage.edge.write() as session:
        session.execute(update(Attempt).where(Attempt.id == first.id).values(state=AttemptState.OPERATOR))
    assert begin(stage, second) is not None


@pytest.mark.usefixtures("cast")
def test_each_ending_hints_at_the_next_so_that_a_cast_takes_no_sweep(stage: Stage) -> None:
    stage.provider.will_make(Ambiguous("reset"), answer("stage_b"), answer("stage_c"), answer("stage_d"))
    stage.run("voices.make", attempts(stage)[0].id)
    stage.work()
    made = voice_states(stage)
    assert sorted(made) == [VoiceState.READY, VoiceState.READY, VoiceState.READY, VoiceState.UNCLEAR]


@pytest.mark.usefixtures("by_chosen_id")
def test_a_provider_that_can_be_asked_by_id_makes_a_cast_at_once(stage: Stage) -> None:
    wanted = want(stage, CAST[0])
    for name in CAST[1:]:
        want(stage, name, run_id=wanted.run_id)
    stage.hand_on()
    assert len(begin_all_at_once(stage)) == len(CAST)
    for attempt in attempts(stage):
        settle(stage, voices.Claim(attempt.id, attempt.fence), answer(f"stage_{attempt.id}"))
    assert voice_states(stage) == [VoiceState.READY] * len(CAST)


def test_the_index_is_the_one_of_the_schema() -> None:
    (index,) = [found for found in Attempt.__table__.indexes if found.name == INDEX]  # type: ignore[attr-defined]
    assert isinstance(index, Index)
    assert index.unique
