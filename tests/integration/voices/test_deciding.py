"""What a person decides: once, with a reason, for what waits and nothing else, and what it does to the money."""

import pytest

from pipeline.errors import CallsheetError, Conflict, NotFound, UsageError
from pipeline.ledger.models import Decision, HoldState
from pipeline.ledger.service import verify_decisions
from pipeline.provider.errors import Ambiguous, Refused
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.rules import AttemptState, OrphanState, VoiceState
from pipeline.voices.service import Action
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    at_once,
    attempt,
    attempts,
    budget,
    decide,
    hold,
    line,
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

CLONE, LOSS = ("clone", PRICES.clone_micros), ("loss", PRICES.clone_micros)


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


@pytest.fixture
def referred(stage: Stage, mara: Wanted) -> Wanted:
    """The attempt waits for a person, and its run is over."""
    stage.provider.will_make(Ambiguous("reset"))
    stage.settle_down(3)
    assert attempt(stage).state is AttemptState.OPERATOR
    return mara


@pytest.fixture
def orphan(stage: Stage, mara: Wanted) -> str:  # noqa: ARG001 - it is mara's attempt that is sent
    """A voice that came after its attempt had been rejected."""
    claim = send(stage)
    settle(stage, claim, Refused("no"))
    settle(stage, claim, answer("stage_late"))
    return orphans(stage)[0].id


def decisions(stage: Stage, account_id: str) -> list[Decision]:
    with stage.database.read() as session:
        assert verify_decisions(session, account_id) == []
        return session.query(Decision).filter_by(account_id=account_id).all()


def test_an_adopted_voice_is_ours_charged_and_spoken_with(stage: Stage, referred: Wanted) -> None:
    decide(stage, referred, attempt(stage).id, Action.ADOPT, " stage_found ")
    found = attempt(stage)
    assert (found.state, found.provider_voice_id) == (AttemptState.SUCCEEDED, "stage_found")
    assert (voice(stage).state, voice(stage).provider_voice_id) == (VoiceState.READY, "stage_found")
    assert paid(stage, referred.voice_id) == [CLONE]
    deadline = (stage.provider.abilities.activation_deadline_seconds or 0) * 1000
    assert (voice(stage).lapses_at or 0) - (found.sent_at or 0) == pytest.approx(deadline, abs=5_000)
    again = apply_again(stage, referred)
    stage.settle_down(2)
    assert (line(stage).state, line(stage).run_id) == (TakeState.DONE, again)
    assert len(stage.provider.voice_calls) == 1


def test_what_is_written_off_is_a_loss_and_the_next_run_pays_for_a_new_voice(stage: Stage, referred: Wanted) -> None:
    decide(stage, referred, attempt(stage).id, Action.WRITE_OFF)
    assert (attempt(stage).state, hold(stage, attempt(stage).id).state) == (
        AttemptState.WRITTEN_OFF,
        HoldState.SETTLED,
    )
    assert paid(stage, referred.voice_id) == [LOSS]
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.FAILED, "written_off")
    stage.settle_down(2)
    assert len(stage.provider.voice_calls) == 1, "nothing is made anew before somebody applies again"
    apply_again(stage, referred)
    stage.settle_down(2)
    assert paid(stage, referred.voice_id) == [LOSS, CLONE]
    assert line(stage).state is TakeState.DONE


def test_what_is_allowed_anew_is_free_and_made_by_the_next_run(stage: Stage, referred: Wanted) -> None:
    decide(stage, referred, attempt(stage).id, Action.ALLOW)
    assert (attempt(stage).state, hold(stage, attempt(stage).id).state) == (AttemptState.RELEASED, HoldState.RELEASED)
    assert budget(stage, referred.run_id).held == 0
    apply_again(stage, referred)
    stage.settle_down(2)
    assert [made.state for made in attempts(stage)] == [AttemptState.RELEASED, AttemptState.SUCCEEDED]
    assert paid(stage, referred.voice_id) == [CLONE]


def test_an_orphan_that_is_adopted_saves_the_next_clone(stage: Stage, mara: Wanted, orphan: str) -> None:
    decide(stage, mara, orphan, Action.ADOPT)
    assert (voice(stage).state, voice(stage).provider_voice_id) == (VoiceState.READY, "stage_late")
    assert orphans(stage)[0].state is OrphanState.ADOPTED
    apply_again(stage, mara)
    stage.settle_down(2)
    assert (line(stage).state, list(stage.provider.voice_calls)) == (TakeState.DONE, [])
    assert paid(stage, mara.voice_id) == [LOSS]


def test_an_orphan_that_is_discarded_stays_a_loss(stage: Stage, mara: Wanted, orphan: str) -> None:
    decide(stage, mara, orphan, Action.DISCARD)
    assert (voice(stage).state, orphans(stage)[0].state) == (VoiceState.FAILED, OrphanState.DISCARDED)
    assert paid(stage, mara.voice_id) == [LOSS]


def test_every_decision_is_kept_with_who_and_why(stage: Stage, referred: Wanted) -> None:
    decide(stage, referred, attempt(stage).id, Action.WRITE_OFF)
    (kept,) = decisions(stage, referred.account_id)
    assert (kept.action, kept.subject) == ("write_off", attempt(stage).id)
    assert (kept.actor, kept.reason) == ("key_1 by ines", "Asked the provider.")
    assert kept.detail == {"before": "unknown", "voice_id": None}


def test_of_two_decisions_at_once_one_counts(stage: Stage, referred: Wanted) -> None:
    subject = attempt(stage).id

    def one(action: Action) -> str:
        try:
            decide(stage, referred, subject, action, "stage_found")
        except Conflict:
            return "refused"
        return action

    outcomes = at_once([lambda: one(Action.WRITE_OFF), lambda: one(Action.ALLOW), lambda: one(Action.ADOPT)])
    assert sorted(outcomes).count("refused") == 2
    assert len(decisions(stage, referred.account_id)) == 1
    assert len(paid(stage, referred.voice_id)) == (0 if "allow" in outcomes else 1)


@on_sqlite
@pytest.mark.usefixtures("late")
def test_what_evidence_may_still_settle_is_not_decided(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), Ambiguous("reset"))
    with pytest.raises(Conflict, match="still being looked for"):
        decide(stage, mara, attempt(stage).id, Action.ALLOW)
    assert decisions(stage, mara.account_id) == []


REFUSED: list[tuple[Action, str | None, type[CallsheetError], str]] = [
    (Action.ADOPT, None, UsageError, "Which voice"),
    (Action.ADOPT, "   ", UsageError, "Which voice"),
    (Action.ADOPT, "stage_bram", Conflict, "belongs to another voice"),
    (Action.ADOPT, "stage_late", Conflict, "came too late for another attempt"),
    (Action.DISCARD, None, UsageError, "money is held"),
]


@on_sqlite
@pytest.mark.parametrize(("action", "voice_id", "error", "told"), REFUSED)
def test_a_decision_that_does_not_fit_changes_nothing(
    stage: Stage, action: Action, voice_id: str | None, error: type[CallsheetError], told: str
) -> None:
    wanted = want(stage, "bram")
    stage.provider.will_make(answer("stage_bram"))
    stage.settle_down(2)
    want(stage, "odo", run_id=wanted_again(stage, wanted))
    claim = send(stage)
    settle(stage, claim, Refused("no"))
    settle(stage, claim, answer("stage_late"))
    want(stage, "mara", run_id=attempts(stage)[-1].run_id)
    stage.messages.lose_all()
    stage.pass_time()
    stage.sweep()
    stage.provider.will_make(Ambiguous("reset"))
    stage.settle_down(3)
    (waiting,) = [found for found in attempts(stage) if found.state is AttemptState.OPERATOR]
    with pytest.raises(error, match=told):
        decide(stage, wanted, waiting.id, action, voice_id)
    assert hold(stage, waiting.id).state is HoldState.OPEN
    assert decisions(stage, wanted.account_id) == []


def wanted_again(stage: Stage, wanted: Wanted) -> str:
    """Open another run of the account."""
    with stage.edge.write() as session:
        return factories.run(session, factories.account_of(session, wanted.account_id)).id


@on_sqlite
@pytest.mark.parametrize(
    ("action", "voice_id", "told"),
    [
        (Action.WRITE_OFF, None, "on the books"),
        (Action.ALLOW, None, "on the books"),
        (Action.ADOPT, "other", "is the voice"),
    ],
)
def test_a_decision_that_does_not_fit_an_orphan_changes_nothing(
    stage: Stage, mara: Wanted, orphan: str, action: Action, voice_id: str | None, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        decide(stage, mara, orphan, action, voice_id)
    assert orphans(stage)[0].state is OrphanState.OPEN
    assert decisions(stage, mara.account_id) == []


@on_sqlite
def test_an_orphan_is_not_adopted_while_its_voice_is_being_made_or_after(
    stage: Stage, mara: Wanted, orphan: str
) -> None:
    apply_again(stage, mara)
    stage.messages.lose_all()
    with stage.edge.write() as session:
        voices.reserve(session, mara.voice_id, prices=PRICES, capabilities=stage.provider.abilities)
    with pytest.raises(Conflict, match="being made"):
        decide(stage, mara, orphan, Action.ADOPT)
    stage.settle_down(2)
    with pytest.raises(Conflict, match="has a voice already"):
        decide(stage, mara, orphan, Action.ADOPT)
    decide(stage, mara, orphan, Action.DISCARD)


@on_sqlite
def test_a_decision_is_made_once(stage: Stage, referred: Wanted, mara: Wanted) -> None:
    decide(stage, referred, attempt(stage).id, Action.ALLOW)
    with pytest.raises(Conflict, match="waits for no decision: it is released"):
        decide(stage, mara, attempt(stage).id, Action.WRITE_OFF)
    assert paid(stage, mara.voice_id) == []


@on_sqlite
def test_an_orphan_is_decided_once(stage: Stage, mara: Wanted, orphan: str) -> None:
    decide(stage, mara, orphan, Action.DISCARD)
    with pytest.raises(Conflict, match="is discarded already"):
        decide(stage, mara, orphan, Action.ADOPT)


@on_sqlite
def test_another_accounts_attempts_and_orphans_are_as_unknown_as_none_at_all(stage: Stage, orphan: str) -> None:
    with stage.edge.write() as session:
        other = Wanted("", "", factories.account(session).id)
    told = []
    for subject in (attempt(stage).id, orphan, "try_nothing"):
        with pytest.raises(NotFound) as refused:
            decide(stage, other, subject, Action.ALLOW)
        told.append(refused.value.message.replace(subject, "ID"))
    assert len(set(told)) == 1


@on_sqlite
def test_a_decision_needs_a_reason(stage: Stage, referred: Wanted) -> None:
    decided = voices.Decided(Action.ALLOW, actor="key_1", reason="  ")
    with stage.edge.write() as session, pytest.raises(UsageError, match="reason"):
        voices.decide(session, referred.account_id, attempt(stage).id, decided, capabilities=stage.provider.abilities)
