"""An answer that money was paid for is on disk before the database is asked, and settles its attempt exactly once."""

import os
from contextlib import AbstractContextManager
from typing import NoReturn

import pytest
from sqlalchemy.exc import OperationalError

from pipeline.errors import EnvironmentFault
from pipeline.ledger.models import HoldState
from pipeline.provider.errors import AccountBlocked, Ambiguous, NotSent, ProviderError, RateLimited, Refused, SafeRetry
from pipeline.provider.port import VoiceResult
from pipeline.storage.spool import Spool
from pipeline.voices import service as voices
from pipeline.voices.rules import AttemptState, VoiceState
from tests.integration.voices.attempts import (
    Wanted,
    at_once,
    attempt,
    attempts,
    hold,
    orphans,
    paid,
    send,
    settle,
    voice,
    want,
)
from tests.support.databases import on_sqlite
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage
from workers import relay

MADE = answer("stage_kept")
CLONE = ("clone", PRICES.clone_micros)


class DatabaseLost(Exception):
    """The process dies, or the database does, between the answer and its commit."""


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


@pytest.fixture
def at_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else may be settling a kept answer any more."""
    monkeypatch.setattr(relay, "KEPT_SECONDS", 0.0)


def die_before_the_commit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the attempt; its worker reads the answer, keeps it, and does not get to record it."""

    def die(*_: object, **__: object) -> NoReturn:
        raise DatabaseLost

    stage.hand_on()
    with monkeypatch.context() as dying:
        dying.setattr(voices.answers, "settle", die)
        with pytest.raises(DatabaseLost):
            stage.run("voices.make", attempt(stage).id)
    assert attempt(stage).state is AttemptState.SENDING
    stage.messages.lose_all()


def kept(stage: Stage) -> list[str]:
    return [entry.name for entry in stage.edge.spool.entries()]


@pytest.mark.usefixtures("at_age")
def test_an_answer_on_disk_is_recorded_by_whoever_runs_on_this_machine(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    relay.record_kept_answers(stage.edge)
    assert (attempt(stage).state, attempt(stage).provider_voice_id) == (AttemptState.SUCCEEDED, "stage_kept")
    assert (paid(stage, mara.voice_id), kept(stage)) == ([CLONE], [])
    stage.settle_down(2)
    assert len(stage.provider.voice_calls) == 1


@pytest.mark.usefixtures("at_age")
def test_an_answer_on_disk_settles_an_attempt_that_is_in_doubt_by_then(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    stage.kill_worker()
    stage.sweep()
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    stage.run("voices.reconcile", attempt(stage).id)
    assert (attempt(stage).state, paid(stage, mara.voice_id), kept(stage)) == (AttemptState.SUCCEEDED, [CLONE], [])
    assert list(stage.provider.doubts) == [], "the answer itself is the best evidence"


@pytest.mark.usefixtures("at_age")
def test_control_without_the_answer_on_disk_the_voice_is_lost_to_a_person(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voices.answers, "keep", lambda *_: None)
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    relay.record_kept_answers(stage.edge)
    stage.kill_worker()
    stage.settle_down(3)
    assert (attempt(stage).state, paid(stage, mara.voice_id)) == (AttemptState.OPERATOR, [])


REFUSALS = [
    (Refused("no such format", http_status=400, raw='{"error": "format"}'), AttemptState.REJECTED, VoiceState.FAILED),
    (SafeRetry("nothing was made"), AttemptState.RELEASED, VoiceState.WANTED),
    (AccountBlocked("402", http_status=402), AttemptState.REJECTED, VoiceState.WANTED),
    (NotSent("refused"), AttemptState.RESERVED, VoiceState.MAKING),
    (RateLimited("slow down", retry_after=9.0), AttemptState.RESERVED, VoiceState.MAKING),
]


@on_sqlite
@pytest.mark.usefixtures("at_age", "mara")
@pytest.mark.parametrize(("error", "state", "marked"), REFUSALS, ids=lambda value: getattr(value, "kind", None))
def test_a_refusal_on_disk_frees_the_money_as_it_would_have_in_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: ProviderError, state: AttemptState, marked: VoiceState
) -> None:
    stage.provider.will_make(error)
    die_before_the_commit(stage, monkeypatch)
    relay.record_kept_answers(stage.edge)
    found = attempt(stage)
    assert (found.state, voice(stage).state, kept(stage)) == (state, marked, [])
    assert (hold(stage, found.id).state is HoldState.OPEN) == state.is_open()
    assert (found.error_kind, found.error) == (error.kind, error.message)


@pytest.mark.usefixtures("at_age")
def test_two_that_record_one_answer_at_once_record_it_once(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    at_once([lambda: relay.record_kept_answers(stage.edge)] * 4)
    assert (paid(stage, mara.voice_id), kept(stage), orphans(stage)) == ([CLONE], [], [])


@pytest.mark.usefixtures("at_age")
def test_an_answer_recorded_but_still_on_disk_is_recorded_no_second_time(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> NoReturn:
        raise DatabaseLost

    stage.hand_on()
    with monkeypatch.context() as dying:
        dying.setattr(Spool, "remove", die)
        with pytest.raises(DatabaseLost):
            stage.run("voices.make", attempt(stage).id)
    assert (attempt(stage).state, kept(stage)) == (AttemptState.SUCCEEDED, [attempt(stage).id])
    relay.record_kept_answers(stage.edge)
    assert (paid(stage, mara.voice_id), kept(stage), orphans(stage)) == ([CLONE], [], [])


@pytest.mark.usefixtures("at_age", "mara")
def test_a_refusal_left_on_disk_says_nothing_about_the_call_after_it(stage: Stage) -> None:
    first = send(stage)
    settle(stage, first, NotSent("refused"))
    voices.answers.keep(stage.edge.spool, first, NotSent("refused"))
    stage.pass_time()
    stage.messages.lose_all()
    second = send(stage)
    relay.record_kept_answers(stage.edge)
    assert (attempt(stage).state, kept(stage)) == (AttemptState.SENDING, [])
    settle(stage, second, MADE)
    assert [made.state for made in attempts(stage)] == [AttemptState.SUCCEEDED]


@pytest.mark.usefixtures("at_age")
def test_an_answer_waits_on_disk_for_as_long_as_the_database_is_away(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> AbstractContextManager[NoReturn]:
        raise OperationalError("SELECT 1", {}, Exception("away"))

    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    with monkeypatch.context() as outage:
        outage.setattr(stage.database, "write", away)
        relay.record_kept_answers(stage.edge)
    assert kept(stage) == [attempt(stage).id]
    relay.record_kept_answers(stage.edge)
    assert (paid(stage, mara.voice_id), kept(stage)) == ([CLONE], [])


@pytest.mark.usefixtures("at_age")
def test_one_answer_that_cannot_be_recorded_holds_up_no_other(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = stage.edge.spool
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    spool.write("try_0", b"half an ans")
    voices.answers.keep(spool, voices.Claim("try_00_of_another_database", 1), MADE)
    relay.record_kept_answers(stage.edge)
    assert paid(stage, mara.voice_id) == [CLONE]
    assert kept(stage) == ["try_0", "try_00_of_another_database"]


@on_sqlite
def test_a_fresh_answer_is_left_to_the_worker_that_is_settling_it(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.provider.will_make(MADE)
    die_before_the_commit(stage, monkeypatch)
    relay.record_kept_answers(stage.edge)
    assert attempt(stage).state is AttemptState.SENDING
    path = stage.edge.spool.folder / attempt(stage).id
    os.utime(path, (0, 0))
    relay.record_kept_answers(stage.edge)
    assert paid(stage, mara.voice_id) == [CLONE]


@on_sqlite
def test_a_full_disk_keeps_nobody_from_settling(stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise EnvironmentFault("No space left on device.", hint="Make room.")

    monkeypatch.setattr(Spool, "write", full)
    stage.settle_down(2)
    assert paid(stage, mara.voice_id) == [CLONE]
    assert voice(stage).state is VoiceState.READY


@pytest.mark.usefixtures("mara")
def test_an_answer_that_proves_nothing_is_not_kept(stage: Stage) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.hand_on()
    stage.hand_on()
    assert (attempt(stage).state, kept(stage)) == (AttemptState.AMBIGUOUS, [])


@on_sqlite
@pytest.mark.parametrize(
    "outcome",
    [
        answer("stage_1", charged=None),
        VoiceResult("stage_2", "mara~1", answer().cost, raw='{"voice_id": "\\ud800"}', made_at_ms=17),
        Refused(
            "nö", http_status=400, provider_code="x", retry_after=1.5, request_id="r", charged_micros=3, raw="\x00"
        ),
    ],
    ids=["unpriced", "dated", "refused"],
)
def test_an_answer_reads_back_as_it_was(stage: Stage, outcome: VoiceResult | ProviderError) -> None:
    claim = voices.Claim("try_1", 4)
    voices.answers.keep(stage.edge.spool, claim, outcome)
    found = voices.answers.find(stage.edge.spool, "try_1")
    assert found is not None
    assert (found.claim.attempt_id, found.claim.fence) == ("try_1", 4)
    if isinstance(outcome, VoiceResult):
        assert found.outcome == outcome
    else:
        assert (type(found.outcome), vars(found.outcome)) == (type(outcome), vars(outcome))
