"""What became of a call in doubt: the provider's evidence, when absence counts, and when a person has to decide."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from pipeline.db.clock import now_ms
from pipeline.ledger.models import HoldState
from pipeline.provider.errors import Ambiguous, ProviderFailed
from pipeline.provider.evidence import weigh
from pipeline.provider.port import CloneRequest, Doubt, Finding, Truth
from pipeline.speech.rules import TakeState
from pipeline.storage.port import StorageError
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState, VoiceKind, VoiceState, designed_key
from pipeline.voices.service import reconciling
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    attempt,
    attempts,
    before,
    begin,
    budget,
    hold,
    job_of,
    let_doubts_age,
    line,
    orphans,
    paid,
    reconcile,
    send,
    settle,
    voice,
    want,
)
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import BALANCE, PRICES, PROVIDER, tone
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

MADE = Finding(Truth.MADE, "list", "The voice is listed as stage_found.", answer("stage_found", charged=None))
NOT_MADE = Finding(Truth.NOT_MADE, "balance", "The balance has not changed.")
CHARGED = Finding(Truth.CHARGED, "balance", "The balance has dropped by $2.10.")
UNKNOWN = Finding(Truth.UNKNOWN, "none", "Nothing is known.")


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


@pytest.fixture
def doubted(stage: Stage, mara: Wanted, late: None) -> Wanted:  # noqa: ARG001 - lateness first
    """The call has come to nothing its sender can use; nobody has looked at the evidence."""
    settle(stage, send(stage), Ambiguous("reset"))
    stage.messages.lose_all()
    return mara


def unheard(stage: Stage) -> None:
    """Let the sender fall silent without anybody having seen it end."""
    send(stage)
    with stage.database.write() as session:
        session.execute(update(Attempt).values(lease_until=1))
    stage.sweep()
    stage.messages.lose_all()


def test_a_voice_that_is_found_is_ours_and_paid_for_at_the_list_price(stage: Stage, doubted: Wanted) -> None:
    stage.provider.will_find(MADE)
    reconcile(stage, attempt(stage).id)
    found = attempt(stage)
    assert (found.state, found.provider_voice_id) == (AttemptState.SUCCEEDED, "stage_found")
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.READY, None)
    assert paid(stage, doubted.voice_id) == [("clone", PRICES.clone_micros)]
    stage.settle_down(3)
    assert line(stage).state is TakeState.DONE
    assert list(stage.provider.voice_calls) == []


@pytest.mark.usefixtures("late")
def test_absence_proves_nothing_until_all_that_was_sent_must_have_shown_up(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), Ambiguous("reset"))
    for _ in range(3):
        stage.provider.will_find(NOT_MADE)
        reconcile(stage, attempt(stage).id)
    waiting = attempt(stage)
    assert (waiting.state, waiting.checks, waiting.error) == (AttemptState.AMBIGUOUS, 3, NOT_MADE.told)
    assert budget(stage, mara.run_id).held == PRICES.clone_micros
    let_doubts_age(stage)
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, waiting.id)
    assert attempt(stage).state is AttemptState.RELEASED
    assert (voice(stage).state, budget(stage, mara.run_id).held) == (VoiceState.WANTED, 0)
    stage.settle_down(3)
    assert [made.state for made in attempts(stage)] == [AttemptState.RELEASED, AttemptState.SUCCEEDED]
    assert paid(stage, mara.voice_id) == [("clone", PRICES.clone_micros)]
    assert line(stage).state is TakeState.DONE


def test_control_without_the_quiescence_a_voice_that_shows_up_late_is_paid_for_twice(
    stage: Stage, doubted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "quiet_at", lambda doubted_at, **_: doubted_at)
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, attempt(stage).id)
    stage.settle_down(3)
    settle(stage, voices.Claim(attempts(stage)[0].id, 1), answer("stage_late"))
    assert paid(stage, doubted.voice_id) == [("clone", PRICES.clone_micros), ("loss", PRICES.clone_micros)]


@pytest.mark.usefixtures("doubted")
def test_a_charge_without_a_voice_goes_to_a_person_at_once_where_no_list_may_still_show_it(stage: Stage) -> None:
    stage.provider.will_find(CHARGED)
    reconcile(stage, attempt(stage).id)
    referred = attempt(stage)
    assert (referred.state, referred.verdict) == (AttemptState.OPERATOR, "charged_voice_lost")
    assert referred.error == CHARGED.told
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.UNCLEAR, "needs_reconcile")
    assert hold(stage, referred.id).state is HoldState.OPEN
    stage.work()
    assert (line(stage).state, line(stage).error_kind) == (TakeState.BLOCKED, "needs_reconcile")


@on_sqlite
@pytest.mark.usefixtures("doubted")
def test_a_charge_without_a_voice_waits_for_a_list_that_may_be_behind(stage: Stage) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, lists_own_voices=True)
    stage.provider.will_find(CHARGED, MADE)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).provider_voice_id == "stage_found"


@pytest.mark.usefixtures("mara")
def test_a_charge_is_not_called_lost_while_its_sender_may_still_get_the_answer(stage: Stage) -> None:
    unheard(stage)
    stage.provider.will_find(CHARGED)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    settle(stage, voices.Claim(attempt(stage).id, 1), answer("stage_heard"))
    assert (attempt(stage).state, voice(stage).state) == (AttemptState.SUCCEEDED, VoiceState.READY)
    stage.settle_down(2)
    assert line(stage).state is TakeState.DONE


@pytest.mark.usefixtures("mara")
def test_a_silent_sender_that_nobody_saw_end_is_waited_for_as_long_as_it_may_sleep(stage: Stage) -> None:
    unheard(stage)
    # Within the quiescence, though long after everything that was sent must have shown up.
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=now_ms() - 899_000))
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=now_ms() - 901_000))
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.RELEASED


@pytest.mark.usefixtures("mara")
def test_a_sender_that_was_seen_to_end_is_not_waited_for(stage: Stage) -> None:
    send(stage)
    stage.kill_worker()
    stage.sweep()
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.RELEASED


@pytest.mark.usefixtures("doubted")
def test_what_no_evidence_tells_goes_to_a_person_once_it_can_no_longer_show_up(stage: Stage) -> None:
    stage.provider.will_find(UNKNOWN)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    let_doubts_age(stage)
    stage.provider.will_find(UNKNOWN)
    reconcile(stage, attempt(stage).id)
    assert (attempt(stage).state, attempt(stage).verdict) == (AttemptState.OPERATOR, "unknown")


@pytest.mark.usefixtures("doubted")
def test_a_provider_that_cannot_be_asked_hands_nothing_to_a_person_before_the_longest_wait_is_over(
    stage: Stage,
) -> None:
    # Past the lateness, within the quiescence: what kept the answer away may keep the evidence away as well.
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=now_ms() - 600_000))
    stage.provider.will_find(ProviderFailed("502"))
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    assert "502" in (attempt(stage).error or "")
    let_doubts_age(stage)
    stage.provider.will_find(ProviderFailed("502"))
    reconcile(stage, attempt(stage).id)
    assert (attempt(stage).state, attempt(stage).verdict) == (AttemptState.OPERATOR, "unknown")


@on_sqlite
@pytest.mark.usefixtures("doubted")
def test_a_provider_that_is_back_in_time_still_tells(stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=now_ms() - 600_000))
    stage.provider.will_find(ProviderFailed("502"), NOT_MADE)
    reconcile(stage, attempt(stage).id)
    reconcile(stage, attempt(stage).id)
    assert attempt(stage).state is AttemptState.RELEASED


@pytest.mark.usefixtures("doubted")
def test_the_next_look_comes_no_later_than_the_moment_that_decides(stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=now_ms() - 115_000, checks=9))
    reconcile(stage, attempt(stage).id)
    waiting = attempt(stage)
    assert waiting.not_before == (waiting.doubted_at or 0) + 120_000
    with stage.database.read() as session:
        assert voices.doubted(session, waiting.id) is not None
        assert waiting.not_before > (session.scalar(select(now_ms())) or 0)


def test_the_evidence_is_asked_for_with_what_was_sent_and_what_else_was_spent(stage: Stage, mara: Wanted) -> None:
    seen: list[Doubt] = []

    def look(doubt: Doubt) -> Finding:
        seen.append(doubt)
        assert doubt.balances is not None
        return Finding(weigh(doubt.balances, doubt.price_micros), "balance", "weighed")

    stage.provider.will_find(look)
    claim = send(stage)
    stage.provider.balance = BALANCE - PRICES.clone_micros
    settle(stage, claim, Ambiguous("reset"))
    stage.work()
    (doubt,) = seen
    assert doubt.price_micros == PRICES.clone_micros
    assert doubt.balances is not None
    assert (doubt.balances.before, doubt.balances.now) == (BALANCE, BALANCE - PRICES.clone_micros)
    assert doubt.balances.others_low == doubt.balances.others_high == 0
    assert doubt.request.label == attempt(stage).label
    assert attempt(stage).verdict == "charged_voice_lost"
    assert budget(stage, mara.run_id).held == PRICES.clone_micros


@pytest.mark.usefixtures("by_chosen_id", "mara")
def test_where_the_id_is_ours_the_whole_request_is_asked_again_under_it(stage: Stage) -> None:
    seen: list[Doubt] = []

    def look(doubt: Doubt) -> Finding:
        seen.append(doubt)
        return Finding(Truth.MADE, "same_id", "It exists.", answer(str(doubt.request.chosen_id), charged=0))

    stage.provider.will_find(look)
    settle(stage, send(stage), Ambiguous("reset"))
    stage.work()
    (doubt,) = seen
    assert isinstance(doubt.request, CloneRequest)
    assert doubt.request.reference.read() == tone()
    assert doubt.request.chosen_id == attempt(stage).chosen_id == attempt(stage).provider_voice_id
    assert doubt.balances is None


@on_sqlite
@pytest.mark.usefixtures("by_chosen_id", "mara")
def test_a_bucket_that_is_away_keeps_the_id_from_being_asked_for_and_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> bytes:
        raise StorageError("away")

    settle(stage, send(stage), Ambiguous("reset"))
    with monkeypatch.context() as outage:
        outage.setattr(stage.store, "get", away)
        stage.work()
    assert (attempt(stage).state, list(stage.provider.doubts)) == (AttemptState.AMBIGUOUS, [])


@on_sqlite
@pytest.mark.usefixtures("doubted")
def test_two_that_look_at_once_settle_it_once(stage: Stage) -> None:
    with stage.database.read() as session:
        both = [voices.doubted(session, attempt(stage).id) for _ in range(2)]
    for found in both:
        assert found is not None
        with stage.edge.write() as session:
            rules = stage.provider.abilities
            assert voices.resolve(session, found, MADE, capabilities=rules, quiescence_seconds=900)
    assert (attempt(stage).state, orphans(stage)) == (AttemptState.SUCCEEDED, [])
    assert paid(stage, attempt(stage).voice_id) == [("clone", PRICES.clone_micros)]


@pytest.mark.usefixtures("doubted")
def test_a_voice_found_by_who_looked_longer_is_kept_although_the_attempt_was_released(stage: Stage) -> None:
    let_doubts_age(stage)
    with stage.database.read() as session:
        slow = voices.doubted(session, attempt(stage).id)
    assert slow is not None
    stage.provider.will_find(NOT_MADE)
    reconcile(stage, slow.job.id)
    with stage.edge.write() as session:
        voices.resolve(session, slow, MADE, capabilities=stage.provider.abilities, quiescence_seconds=900)
    assert [orphan.provider_voice_id for orphan in orphans(stage)] == ["stage_found"]


@on_sqlite
def test_a_designed_voice_is_doubted_and_found_by_the_same_protocol(stage: Stage) -> None:
    wish = voices.WantedVoice(
        key=designed_key("A weary knight.", None, None),
        kind=VoiceKind.DESIGNED,
        label="knight",
        model="stage-design",
        description="A weary knight.",
    )
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voices.want(session, account_id=started.account_id, provider=PROVIDER, run_id=started.id, wanted=wish)
    stage.provider.will_make(Ambiguous("reset"))
    stage.provider.will_find(MADE)
    stage.work()
    assert paid(stage, attempt(stage).voice_id) == [("design", PRICES.design_micros)]
    assert voice(stage).state is VoiceState.READY


def test_an_attempt_whose_every_message_is_lost_is_decided_all_the_same(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.provider.will_find(*[UNKNOWN] * 20)
    stage.hand_on()
    stage.hand_on()
    for _ in range(4):
        stage.messages.lose_all()
        stage.pass_time()
        stage.sweep()
        stage.hand_on()
    assert attempt(stage).state is AttemptState.OPERATOR
    apply_again(stage, mara)
    assert voice(stage).state is VoiceState.UNCLEAR


@pytest.mark.usefixtures("mara")
def test_nothing_is_sent_on_a_reading_of_the_balance_that_has_become_old(stage: Stage) -> None:
    stage.hand_on()
    job = job_of(stage, attempt(stage).id)
    old = replace(before(stage), read_at=before(stage).read_at - 61_000)
    with stage.edge.write() as session:
        assert voices.begin(session, job, holder=stage.edge.holder, timeout=60, before=old) is None
    assert begin(stage, job) is not None


@on_sqlite
@pytest.mark.usefixtures("doubted")
def test_who_slept_between_look_and_verdict_has_seen_no_absence_that_counts(stage: Stage) -> None:
    with stage.database.read() as session:
        seen = voices.doubted(session, attempt(stage).id)
    assert seen is not None
    let_doubts_age(stage)
    with stage.edge.write() as session:
        asked = replace(seen, asked_at=seen.asked_at - 2 * 3_600_000)
        rules = stage.provider.abilities
        assert not voices.resolve(session, asked, NOT_MADE, capabilities=rules, quiescence_seconds=900)
    assert attempt(stage).state is AttemptState.AMBIGUOUS
