"""Takes are listened to after they are spoken: each gets a verdict before its run is over, whatever dies meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from pipeline.intake.models import Run, RunState
from pipeline.intake.service import stop_run
from pipeline.quality import Outcome, Voiceprint, unjudged
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import HearingState, TakeState
from pipeline.speech.service import closing, hearing
from pipeline.storage.port import StorageError
from tests.integration.speech.takes import TEXT, look, run_of
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.ears import bad, good, unchecked
from tests.support.stage import Stage

CLIPPED = "it is clipped"


@pytest.fixture
def take(stage: Stage, take: str) -> str:
    """A dispatched take of a run whose takes are listened to."""
    with stage.database.write() as session:
        session.execute(update(Run).values(retakes=0))
    return take


def spoken(stage: Stage, take: str) -> None:
    """Let a take be spoken, and nothing be heard yet."""
    stage.run("speech.speak", take)
    stage.messages.waiting.clear()


def ask(stage: Stage, *texts: str, account: str | None = None) -> list[str]:
    """Start a run of takes that are listened to."""
    with stage.edge.write() as session:
        owner = factories.account_of(session, account) if account else factories.account(session)
        started = factories.run(session, owner)
        started.retakes = 0
        voice = factories.system_voice(session, started)
        takes = [factories.take(session, started, voice, text).id for text in texts]
        speech.dispatch(session, "stage")
        return takes


def test_a_take_is_heard_before_its_run_is_over_and_the_verdict_stays_with_it(stage: Stage, take: str) -> None:
    stage.ears.will_find(bad(checks=2))
    stage.run("speech.speak", take)
    assert (look(stage, take).state, look(stage, take).hearing) == (TakeState.DONE, HearingState.SENT)
    assert run_of(stage, take).state is RunState.RUNNING
    stage.work()
    heard, run = look(stage, take), run_of(stage, take)
    assert (heard.outcome, heard.hearing, heard.hearings) == (Outcome.BAD, None, 1)
    assert heard.verdict is not None
    assert heard.verdict["sentence"].startswith("It is clipped: 9.0%")
    assert [check["name"] for check in heard.verdict["checks"]] == ["clipping", "peak"]
    assert heard.verdict["figures"] == {"clipping": 0.09, "peak": 0.09}
    assert heard.heard_at is not None
    assert (run.state, run.heard_good, run.heard_bad, run.heard_unchecked) == (RunState.DONE, 0, 1, 0)


def test_without_the_wait_a_run_would_be_over_before_anybody_has_listened(
    stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "UNHEARD", ())
    stage.run("speech.speak", take)
    assert run_of(stage, take).state is RunState.DONE
    assert look(stage, take).outcome is None


def test_a_run_whose_takes_are_not_listened_to_ends_when_they_are_spoken(stage: Stage, take: str) -> None:
    with stage.database.write() as session:
        session.execute(update(Run).values(retakes=None))
    stage.work()
    assert (look(stage, take).hearing, look(stage, take).outcome, stage.ears.heard) == (None, None, [])
    assert run_of(stage, take).state is RunState.DONE


@pytest.mark.usefixtures("take")
def test_what_was_sent_is_what_is_expected(stage: Stage) -> None:
    stage.work()
    (expected,) = stage.ears.heard
    assert (expected.text, expected.language, expected.speed, expected.voice) == (TEXT, "en", 1.0, ())


def test_a_verdict_that_could_not_be_reached_is_no_silent_pass(stage: Stage, take: str) -> None:
    stage.ears.will_find(unchecked())
    stage.work()
    heard = look(stage, take)
    assert heard.outcome is Outcome.UNCHECKED
    assert heard.verdict is not None
    assert "there is no aligner for the language 'de'" in heard.verdict["sentence"]
    assert run_of(stage, take).heard_unchecked == 1


@on_sqlite
def test_a_voice_is_held_to_its_good_takes_and_to_its_first_words(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        started.retakes = 0
        voice = factories.voice(session, started)
        factories.take(session, started, voice, "One.")
        factories.take(session, started, voice, "Two.")
        stage.add_recording()
    first, one = (replace(good(), voiceprint=Voiceprint(voice)) for voice in ((1.0, 0.0), (0.0, 1.0)))
    stage.ears.will_find(first, one)
    stage.settle_down(4)
    one_known, two_known = (Voiceprint((1.0, 0.0)),), (Voiceprint((1.0, 0.0)), Voiceprint((0.0, 1.0)))
    assert [expected.voice for expected in stage.ears.heard] == [(), one_known, two_known]
    assert stage.ears.heard[0].text != "One."


@on_sqlite
def test_a_take_whose_pitch_was_changed_is_held_to_no_voice_and_tells_of_none(stage: Stage) -> None:
    (take,) = ask(stage, "Higher!")
    with stage.database.write() as session:
        session.execute(update(Take).values(pitch=4))
    stage.ears.will_find(replace(good(), voiceprint=Voiceprint((1.0, 0.0))))
    stage.work()
    assert (stage.ears.heard[0].voice, stage.edge.voices.of(look(stage, take).voice_id)) == ((), ())


@on_sqlite
def test_a_take_that_was_asked_for_with_an_emotion_is_heard_as_an_acted_one(stage: Stage) -> None:
    plain, acted = ask(stage, "Plain.", "Acted.")
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.id == acted).values(emotion="angry"))
    stage.work()
    assert look(stage, plain).outcome is look(stage, acted).outcome is Outcome.GOOD
    assert {expected.text: expected.acted for expected in stage.ears.heard} == {"Plain.": False, "Acted.": True}


def test_a_listener_that_dies_is_followed_by_another(stage: Stage, take: str) -> None:
    spoken(stage, take)
    with stage.edge.write() as session:
        claimed = speech.begin_hearing(session, take, stage.edge.holder)
    assert claimed is not None
    assert look(stage, take).hearing is HearingState.HEARING
    stage.kill_worker()
    stage.sweep()
    with stage.database.write() as session:
        factories.revive(session, stage.edge.holder)
    stage.work()
    assert (look(stage, take).outcome, look(stage, take).hearings) == (Outcome.GOOD, 2)
    assert run_of(stage, take).state is RunState.DONE
    with stage.edge.write() as session:  # the dead one was only asleep
        speech.settle_hearing(session, claimed, bad())
    assert (look(stage, take).outcome, run_of(stage, take).heard_bad) == (Outcome.GOOD, 0)


@on_sqlite
def test_a_take_on_which_every_listener_dies_is_unchecked_and_holds_nobody_up(stage: Stage, take: str) -> None:
    spoken(stage, take)
    for _ in range(hearing.MAX_HEARINGS):
        with stage.edge.write() as session:
            assert speech.begin_hearing(session, take, stage.edge.holder)
        stage.kill_worker()
        stage.sweep()
        with stage.database.write() as session:
            factories.revive(session, stage.edge.holder)
    assert look(stage, take).outcome is Outcome.UNCHECKED
    assert "has died" in str(look(stage, take).verdict)
    assert run_of(stage, take).state is RunState.DONE


@on_sqlite
def test_a_gate_that_fails_is_asked_again_and_then_the_take_is_unchecked_with_the_reason(
    stage: Stage, take: str
) -> None:
    stage.ears.will_find(*[unjudged("the quality gate died while it listened")] * hearing.MAX_HEARINGS)
    stage.settle_down(6)
    heard = look(stage, take)
    assert (heard.outcome, heard.hearings, len(stage.ears.heard)) == (Outcome.UNCHECKED, hearing.MAX_HEARINGS, 3)
    assert "the quality gate died" in str(heard.verdict)
    assert run_of(stage, take).state is RunState.DONE


def test_a_hint_that_is_lost_is_sent_again(stage: Stage, take: str) -> None:
    spoken(stage, take)
    stage.sweep()
    assert not stage.messages.waiting  # one may be on its way
    stage.pass_time()
    stage.sweep()
    assert stage.messages.of("speech.hear") == [take]
    stage.work()
    assert look(stage, take).outcome is Outcome.GOOD


@on_sqlite
def test_a_bucket_that_is_away_is_waited_for_and_counts_for_nothing(
    stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken(stage, take)
    with monkeypatch.context() as away:
        away.setattr(stage.store, "get", _away)
        for _ in range(hearing.MAX_HEARINGS + 1):
            with stage.database.write() as session:
                session.execute(update(Take).values(hearing=HearingState.SENT))
            with pytest.raises(StorageError):
                stage.run("speech.hear", take)
            assert (look(stage, take).hearing, look(stage, take).hearings) == (HearingState.DUE, 0)
    stage.settle_down(3)
    assert look(stage, take).outcome is Outcome.GOOD


def _away(_key: str) -> bytes:
    raise StorageError("the bucket is away")


@on_sqlite
def test_audio_that_is_gone_is_said_to_be_unchecked(stage: Stage, take: str) -> None:
    spoken(stage, take)
    stage.store.delete(look(stage, take).object_key or "")
    stage.settle_down(6)
    assert look(stage, take).outcome is Outcome.UNCHECKED
    assert "not in the bucket" in str(look(stage, take).verdict)


@on_sqlite
def test_a_long_run_fills_no_queue_and_keeps_no_other_waiting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "HINTS_PER_WORKER", 4)
    long, short = ask(stage, *(f"Line {number}." for number in range(30))), ask(stage, "Mine.")
    with _deaf(stage):
        stage.settle_down(12)
    with stage.edge.write() as session:
        session.execute(update(Take).values(hearing=HearingState.DUE, lease_until=None))
        speech.hear_next(session)
    sent = stage.messages.of("speech.hear")
    assert len(sent) == 3
    assert short[0] in sent
    stage.work()
    assert {look(stage, take).outcome for take in (*long, *short)} == {Outcome.GOOD}
    assert run_of(stage, long[0]).state is run_of(stage, short[0]).state is RunState.DONE


@contextmanager
def _deaf(stage: Stage) -> Iterator[None]:
    """Let every message to the listeners get lost."""
    publish = stage.messages.publish
    stage.messages.publish = lambda task, *ids: None if task == "speech.hear" else publish(task, *ids)  # type: ignore[method-assign]
    try:
        yield
    finally:
        stage.messages.publish = publish  # type: ignore[method-assign]


@on_sqlite
def test_a_run_that_was_stopped_does_not_wait_for_what_is_still_to_be_heard(stage: Stage, take: str) -> None:
    spoken(stage, take)
    with stage.edge.write() as session:
        stop_run(session, look(stage, take).run_id, "cancelled")
        speech.close_runs(session)
    assert run_of(stage, take).state is RunState.STOPPED
    stage.settle_down(3)
    assert look(stage, take).outcome is Outcome.GOOD


@on_sqlite
def test_a_run_waits_for_a_take_that_another_pays_for_to_be_heard(stage: Stage, take: str) -> None:
    with stage.edge.write() as session:
        first = session.get_one(Take, take)
        second = factories.run(session, factories.account_of(session, first.account_id))
        second.retakes = 0
        factories.take(session, second, factories.system_voice(session, second))
    spoken(stage, take)
    with stage.edge.write() as session:
        speech.close_runs(session)
    with stage.database.read() as session:
        assert set(session.scalars(select(Run.state))) == {RunState.RUNNING}
    stage.settle_down(3)
    with stage.database.read() as session:
        assert set(session.scalars(select(Run.state))) == {RunState.DONE}
