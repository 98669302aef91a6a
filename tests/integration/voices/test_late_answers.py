"""An answer that comes after its claim has ended proves what it always would have; a voice is never dropped."""

import pytest
from sqlalchemy import update

from pipeline.errors import Conflict
from pipeline.ledger.models import HoldState, Transfer, TransferKind
from pipeline.provider.errors import AccountBlocked, Ambiguous, NotSent, ProviderError, Refused, SafeRetry
from pipeline.provider.port import Finding, Truth
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState, OrphanState, VoiceState
from pipeline.voices.service import settling
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    at_once,
    attempt,
    attempts,
    budget,
    decide,
    hold,
    orphans,
    paid,
    send,
    settle,
    voice,
    want,
)
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

LATE = answer("stage_late")
CLONE, LOSS = ("clone", PRICES.clone_micros), ("loss", PRICES.clone_micros)
UNPROVEN = [AttemptState.AMBIGUOUS, AttemptState.OPERATOR]


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


def doubt(stage: Stage, state: AttemptState) -> voices.Claim:
    """Let the claim of a sent attempt lapse, and a person be asked where it is to be `operator`."""
    claim = send(stage)
    stage.kill_worker()
    stage.sweep()
    stage.messages.lose_all()
    if state is AttemptState.OPERATOR:
        stage.run("voices.reconcile", claim.attempt_id)  # nothing is known, and nothing can show up any more
    assert attempt(stage).state is state
    return claim


def end_as(stage: Stage, wanted: Wanted, state: AttemptState) -> voices.Claim:
    """Let an attempt in doubt be over."""
    claim = doubt(stage, AttemptState.OPERATOR)
    match state:
        case AttemptState.RELEASED:
            decide(stage, wanted, claim.attempt_id, voices.Action.ALLOW)
        case AttemptState.WRITTEN_OFF:
            decide(stage, wanted, claim.attempt_id, voices.Action.WRITE_OFF)
        case AttemptState.SUCCEEDED:
            decide(stage, wanted, claim.attempt_id, voices.Action.ADOPT, "stage_adopted")
        case AttemptState.REJECTED:
            settle(stage, claim, Refused("no"))
    assert attempts(stage)[0].state is state
    return claim


@pytest.mark.parametrize("state", UNPROVEN)
def test_a_late_voice_of_an_attempt_in_doubt_is_ours_and_paid_once(
    stage: Stage, mara: Wanted, state: AttemptState
) -> None:
    claim = doubt(stage, state)
    settle(stage, claim, LATE)
    found = attempt(stage)
    assert (found.state, found.provider_voice_id, found.verdict) == (AttemptState.SUCCEEDED, "stage_late", None)
    assert (found.error_kind, found.error) == (None, None)
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.READY, None)
    assert (paid(stage, mara.voice_id), orphans(stage)) == ([CLONE], [])


LATE_MISSES: list[tuple[ProviderError, AttemptState]] = [
    (Refused("no"), AttemptState.REJECTED),
    (AccountBlocked("402", http_status=402), AttemptState.REJECTED),
    (SafeRetry("nothing was made"), AttemptState.RELEASED),
    (NotSent("dns"), AttemptState.RELEASED),
]


@on_sqlite
@pytest.mark.parametrize("state", UNPROVEN)
@pytest.mark.parametrize(("late", "after"), LATE_MISSES, ids=lambda value: getattr(value, "kind", None))
def test_a_late_refusal_frees_the_money_of_an_attempt_in_doubt(
    stage: Stage, mara: Wanted, late: ProviderError, after: AttemptState, state: AttemptState
) -> None:
    claim = doubt(stage, state)
    settle(stage, claim, late)
    found = attempt(stage)
    assert (found.state, found.error_kind, hold(stage, found.id).state) == (after, late.kind, HoldState.RELEASED)
    assert budget(stage, mara.run_id).held == 0
    assert voice(stage).state is not VoiceState.UNCLEAR


@pytest.mark.usefixtures("mara")
def test_a_late_answer_as_unclear_as_before_says_at_least_that_its_sender_is_over(stage: Stage) -> None:
    claim = send(stage)
    with stage.database.write() as session:
        session.execute(update(Attempt).values(lease_until=1))
    stage.sweep()
    assert attempt(stage).sender_ended == 0
    settle(stage, claim, Ambiguous("reset", raw="<half>"))
    found = attempt(stage)
    assert (found.state, found.sender_ended, found.evidence) == (AttemptState.AMBIGUOUS, 1, "<half>")


@pytest.mark.usefixtures("by_chosen_id")
@pytest.mark.parametrize("late", [Refused("no"), AccountBlocked("402", http_status=402)], ids=lambda miss: miss.kind)
def test_a_late_refusal_decides_nothing_where_the_voice_may_have_been_asked_for_again(
    stage: Stage, mara: Wanted, late: ProviderError
) -> None:
    claim = doubt(stage, AttemptState.AMBIGUOUS)
    settle(stage, claim, late)
    assert (attempt(stage).state, hold(stage, claim.attempt_id).state) == (AttemptState.AMBIGUOUS, HoldState.OPEN)
    stage.provider.will_find(Finding(Truth.MADE, "same_id", "It exists now.", answer("stage_free", charged=0)))
    stage.settle_down(3)
    assert (attempt(stage).state, voice(stage).state) == (AttemptState.SUCCEEDED, VoiceState.READY)
    assert (paid(stage, mara.voice_id), orphans(stage)) == ([CLONE], [])


CLOSED = [AttemptState.RELEASED, AttemptState.REJECTED, AttemptState.WRITTEN_OFF, AttemptState.SUCCEEDED]


@pytest.mark.parametrize("state", CLOSED)
def test_a_late_voice_of_an_attempt_that_is_over_is_kept_as_an_orphan_and_its_cost_is_a_loss_once(
    stage: Stage, mara: Wanted, state: AttemptState
) -> None:
    claim = end_as(stage, mara, state)
    for _ in range(2):
        settle(stage, claim, LATE)
    (kept,) = orphans(stage)
    assert (kept.state, kept.provider_voice_id, kept.attempt_id) == (OrphanState.OPEN, "stage_late", claim.attempt_id)
    assert (kept.raw, kept.cost, kept.account_id) == (LATE.raw, PRICES.clone_micros, mara.account_id)
    assert paid(stage, mara.voice_id) == ([CLONE, LOSS] if state is AttemptState.SUCCEEDED else [LOSS])
    assert attempts(stage)[0].state is state


def test_a_late_voice_that_two_record_at_once_is_one_orphan_and_one_loss(stage: Stage, mara: Wanted) -> None:
    claim = end_as(stage, mara, AttemptState.RELEASED)
    at_once([lambda: settle(stage, claim, LATE)] * 4)
    assert (len(orphans(stage)), paid(stage, mara.voice_id)) == (1, [LOSS])


def test_a_loss_that_nobody_has_priced_is_booked_as_an_estimate(stage: Stage, mara: Wanted) -> None:
    settle(stage, end_as(stage, mara, AttemptState.RELEASED), answer("stage_late", charged=None))
    with stage.database.read() as session:
        (row,) = session.query(Transfer).filter_by(kind=TransferKind.LOSS)
    assert (row.amount, row.source) == (PRICES.clone_micros, "estimate")
    assert budget(stage, mara.account_id).estimated == PRICES.clone_micros


def test_an_answer_that_was_adopted_by_hand_is_no_orphan_when_it_comes(stage: Stage, mara: Wanted) -> None:
    claim = doubt(stage, AttemptState.OPERATOR)
    decide(stage, mara, claim.attempt_id, voices.Action.ADOPT, "stage_late")
    settle(stage, claim, LATE)
    assert (orphans(stage), paid(stage, mara.voice_id)) == ([], [CLONE])


@on_sqlite
@pytest.mark.parametrize("state", [AttemptState.SENDING, *UNPROVEN])
def test_a_voice_that_another_row_owns_goes_to_a_person_with_the_answer_as_evidence(
    stage: Stage, state: AttemptState
) -> None:
    bram = want(stage, "bram")
    stage.provider.will_make(LATE)
    stage.work()
    wanted = want(stage, "mara")
    stage.hand_on()
    claim = send_newest(stage)
    if state is not AttemptState.SENDING:
        stage.kill_worker()
        stage.sweep()
        stage.messages.lose_all()
    if state is AttemptState.OPERATOR:
        stage.run("voices.reconcile", claim.attempt_id)
    for _ in range(2):
        settle(stage, claim, LATE)
    found = attempts(stage)[-1]
    assert (found.state, found.verdict, found.evidence) == (AttemptState.OPERATOR, "unknown", LATE.raw)
    assert "stage_late" in (found.error or "")
    assert (paid(stage, wanted.voice_id), orphans(stage)) == ([], [])
    assert paid(stage, bram.voice_id)[0] == CLONE


def send_newest(stage: Stage) -> voices.Claim:
    stage.messages.lose_all()
    return send(stage)


def test_a_voice_id_that_an_earlier_attempt_at_the_same_voice_had_goes_to_a_person_too(
    stage: Stage, mara: Wanted
) -> None:
    # The provider makes the same recording into the same voice; the attempt would be refused by an index for ever.
    stage.settle_down(2)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "It is gone.")
    apply_again(stage, mara)
    stage.provider.will_make(answer("stage_0001"))
    stage.settle_down(3)
    assert [made.state for made in attempts(stage)] == [AttemptState.SUCCEEDED, AttemptState.OPERATOR]


def test_a_late_voice_that_another_row_owns_is_kept_all_the_same_and_cannot_be_adopted(stage: Stage) -> None:
    want(stage, "bram")
    stage.provider.will_make(LATE)
    stage.work()
    wanted = want(stage, "mara")
    stage.hand_on()
    claim = send_newest(stage)
    settle(stage, claim, Refused("no"))
    settle(stage, claim, LATE)
    (kept,) = orphans(stage)
    with pytest.raises(Conflict, match="belongs to another voice"):
        decide(stage, wanted, kept.id, voices.Action.ADOPT)
    decide(stage, wanted, kept.id, voices.Action.DISCARD)
    assert orphans(stage)[0].state is OrphanState.DISCARDED


@on_sqlite
def test_control_without_orphans_a_paid_voice_would_be_on_no_book(
    stage: Stage, mara: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_keep_orphan", lambda *_: None)
    settle(stage, end_as(stage, mara, AttemptState.RELEASED), LATE)
    assert (orphans(stage), paid(stage, mara.voice_id)) == ([], [])


@on_sqlite
def test_a_stranger_sees_no_orphan_of_another_account(stage: Stage, mara: Wanted) -> None:
    settle(stage, end_as(stage, mara, AttemptState.RELEASED), LATE)
    with stage.edge.write() as session:
        other = factories.account(session)
        assert voices.orphans(session, other.id) == []
        assert [kept.provider_voice_id for kept in voices.orphans(session, mara.account_id)] == ["stage_late"]
