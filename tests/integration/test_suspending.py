"""A suspended talent is spoken for no more, at once and whatever stands in the queue; what is under way is settled."""

from typing import Any

import pytest
from sqlalchemy import update

from pipeline import control, views
from pipeline.db.clock import now_ms
from pipeline.errors import ConsentRequired
from pipeline.intake.models import RunState
from pipeline.intake.rules import QualitySettings
from pipeline.provider.port import SpeechRequest, SpeechResult, VoiceResult
from pipeline.quality import Verdict
from pipeline.references.service import consenting
from pipeline.speech import service as speech
from pipeline.speech.rules import TakeState
from pipeline.speech.service import withholding
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, VoiceState
from tests.integration.runs import do, retry, run, start, states, status
from tests.integration.suspensions import (
    HERALDS,
    MARAS,
    REASON,
    SHEET,
    lines,
    money,
    owner,
    prepared,
    reinstate,
    spoken,
    suspend,
    voice,
)
from tests.support.databases import on_sqlite
from tests.support.ears import bad
from tests.support.factories import Sheet
from tests.support.fakes import PRICES
from tests.support.fakes import speech as speech_answer
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

DAY_MS = 24 * 3_600_000


def test_lines_in_the_queue_are_blocked_and_the_others_are_spoken(stage: Stage) -> None:
    account, started = prepared(stage)
    stage.hand_on()
    before = spoken(stage)
    stopped = suspend(stage, account)
    assert states(stage)[TakeState.BLOCKED] == stopped.lines + stopped.first_words > 0
    stage.settle_down(4)
    assert spoken(stage) == before
    assert set(HERALDS) <= set(stage.provider.spoken)
    ended = status(stage, started)
    assert (ended["state"], ended["held_micros"]) == ("partial", 0)
    assert [failure["cause"] for failure in ended["failures"]] == ["consent_required"]
    assert ended["failures"][0]["message"].startswith("Mara is suspended since 20")
    assert REASON in ended["failures"][0]["message"]
    assert (stopped.changed, stopped.runs) == (True, (started,))
    assert stopped.lines + len(before) == len(MARAS)


@on_sqlite
def test_without_what_is_blocked_every_claim_is_refused_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "withhold", lambda *_: speech.Withheld())
    account, started = prepared(stage)
    stage.hand_on()
    assert TakeState.DISPATCHED in {take.state for take in lines(stage)}
    before = spoken(stage)
    assert suspend(stage, account).lines == 0
    stage.settle_down(4)
    assert spoken(stage) == before
    assert run(stage, started).state is RunState.PARTIAL


@on_sqlite
def test_control_where_nobody_asks_for_the_consent_the_queue_is_spoken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "withhold", lambda *_: speech.Withheld())
    monkeypatch.setattr(consenting, "_require_valid", lambda *_: None)
    account, _ = prepared(stage)
    suspend(stage, account)
    stage.settle_down(4)
    assert set(spoken(stage)) == set(MARAS)


@on_sqlite
def test_what_waits_is_blocked_in_steps(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withholding, "STEP", 5)
    account = owner(stage)
    start(stage, SHEET, account)
    stopped = suspend(stage, account)
    assert (stopped.lines, {take.state for take in lines(stage)}) == (len(MARAS), {TakeState.BLOCKED})


def test_a_voice_that_is_not_sent_is_not_made_and_its_money_is_free(stage: Stage) -> None:
    account = owner(stage)
    started = start(stage, SHEET, account)
    while not money(stage, started)["held"]:
        stage.hand_on()
    assert money(stage, started)["held"] >= PRICES.clone_micros
    stopped = suspend(stage, account)
    assert (stopped.voices, stopped.lines) == (1, len(MARAS))
    stage.settle_down(4)
    assert list(stage.provider.voice_calls) == []
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.FAILED, "consent_required")
    assert (run(stage, started).state, money(stage, started)["held"]) == (RunState.PARTIAL, 0)


@on_sqlite
def test_a_voice_that_was_left_reserved_is_given_up_when_it_is_to_be_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = owner(stage)
    started = start(stage, SHEET, account)
    while not money(stage, started)["held"]:
        stage.hand_on()
    monkeypatch.setattr(voices, "withhold", lambda *_: voices.Withheld(0, 0))
    suspend(stage, account)
    stage.settle_down(4)
    assert list(stage.provider.voice_calls) == []
    assert (run(stage, started).state, money(stage, started)["held"]) == (RunState.PARTIAL, 0)


def test_a_voice_whose_call_is_under_way_is_paid_for_kept_and_says_nothing(stage: Stage) -> None:
    account = owner(stage)
    started = start(stage, SHEET, account)

    def suspend_meanwhile(_: object) -> VoiceResult:
        assert suspend(stage, account).voices_under_way == 1
        return answer()

    stage.provider.will_make(suspend_meanwhile)
    stage.settle_down(4)
    assert (voice(stage).state, voice(stage).provider_voice_id) == (VoiceState.READY, "stage_0001")
    assert (spoken(stage), ACTIVATION_LINE in stage.provider.spoken) == ([], False)
    heralds = sum(100 * len(text) for text in HERALDS)
    assert money(stage, started) == {
        "spent": PRICES.clone_micros + heralds,
        "held": 0,
        "booked": PRICES.clone_micros + heralds,
    }
    assert run(stage, started).state is RunState.PARTIAL


@on_sqlite
def test_a_line_that_is_being_spoken_is_finished(stage: Stage) -> None:
    account, started = prepared(stage)

    def suspend_meanwhile(call: SpeechRequest) -> SpeechResult:
        suspend(stage, account)
        return speech_answer(call.text)

    stage.provider.will_speak(suspend_meanwhile)
    stage.settle_down(4)
    done = [take for take in lines(stage) if take.state is TakeState.DONE]
    assert len(spoken(stage)) == len(done) <= 1
    assert run(stage, started).state is RunState.PARTIAL


def test_a_reinstated_talent_goes_on_where_it_stopped(stage: Stage) -> None:
    account, first = prepared(stage)
    stage.hand_on()
    suspend(stage, account)
    stage.settle_down(4)
    assert reinstate(stage, account)
    again = start(stage, SHEET, account)
    stage.settle_down(4)
    assert (run(stage, first).state, run(stage, again).state) == (RunState.PARTIAL, RunState.DONE)
    assert sorted(spoken(stage)) == sorted(MARAS)
    assert len(stage.provider.voice_calls) == 1


@on_sqlite
def test_a_voice_that_was_given_up_is_made_after_the_talent_is_back(stage: Stage) -> None:
    account = owner(stage)
    start(stage, SHEET, account)
    suspend(stage, account)
    stage.settle_down(4)
    reinstate(stage, account)
    again = start(stage, SHEET, account)
    stage.settle_down(4)
    assert run(stage, again).state is RunState.DONE
    assert sorted(spoken(stage)) == sorted(MARAS)


@on_sqlite
def test_a_voice_about_to_lapse_is_let_go_rather_than_heard(stage: Stage) -> None:
    account = owner(stage)
    started = start(stage, SHEET, account)

    def suspend_meanwhile(_: object) -> VoiceResult:
        suspend(stage, account)
        return answer()

    stage.provider.will_make(suspend_meanwhile)
    stage.settle_down(4)
    with stage.database.write() as session:
        session.execute(update(Voice).where(Voice.label == "mara").values(lapses_at=now_ms() + DAY_MS))
    spent = money(stage, started)
    stage.settle_down(2)
    assert (money(stage, started), ACTIVATION_LINE in stage.provider.spoken) == (spent, False)
    reinstate(stage, account)
    stage.settle_down(2)
    assert (spoken(stage), ACTIVATION_LINE in stage.provider.spoken) == ([], True)


@on_sqlite
def test_a_run_of_a_suspended_talent_is_neither_retried_nor_resumed(stage: Stage) -> None:
    account, started = prepared(stage)
    do(stage, control.pause, started)
    suspend(stage, account)
    with pytest.raises(ConsentRequired, match=REASON):
        retry(stage, started)
    do(stage, control.resume, started)
    stage.settle_down(4)
    assert (spoken(stage), run(stage, started).state) == ([], RunState.PARTIAL)
    with pytest.raises(ConsentRequired, match=REASON):
        do(stage, control.resume, started)
    reinstate(stage, account)
    again = retry(stage, started)
    stage.settle_down(4)
    assert run(stage, again).state is RunState.DONE


@on_sqlite
def test_a_retry_makes_what_the_others_lack(stage: Stage) -> None:
    account = owner(stage)
    started = start(stage, SHEET, account)
    do(stage, control.cancel, started)
    stage.settle_down(4)
    suspend(stage, account)
    again = retry(stage, started, causes=["cancelled"])
    stage.settle_down(4)
    assert (spoken(stage), run(stage, again).state) == ([], RunState.DONE)


@on_sqlite
def test_a_bad_take_of_a_suspended_talent_is_not_made_once_more(stage: Stage) -> None:
    account = owner(stage)

    def suspend_meanwhile(*_: object) -> Verdict:
        suspend(stage, account)
        return bad()

    stage.ears.will_find(*[suspend_meanwhile] * len(MARAS))
    one = Sheet().cloned("mara").says("mara", MARAS[0])
    started = start(stage, one, account, quality=QualitySettings(retakes=2))
    stage.settle_down(6)
    assert spoken(stage) == [MARAS[0]]
    assert [(take.verdict or {})["sequel"] for take in lines(stage)] == ["consent"]
    assert run(stage, started).state is RunState.DONE


def test_every_line_is_listed_by_pages_whatever_orders_the_database(stage: Stage) -> None:
    account, _ = prepared(stage)
    stage.work()
    rows: list[dict[str, Any]] = []
    with stage.database.read() as session:
        while page := views.talent_lines(session, account, "MARA", after=rows[-1]["key"] if rows else "", limit=5):
            rows += page
        told = views.talent(session, account, "mara")
    said = [row["line"] for row in rows if row["kind"] == "line"]
    assert sorted(said) == sorted(f"line_{number}" for number in range(1, len(MARAS) + 1))
    assert len({row["key"] for row in rows}) == len(rows) == len(MARAS) + 1
    assert (told["lines"], told["cost_micros"]) == (len(MARAS), sum(100 * len(text) for text in MARAS))
