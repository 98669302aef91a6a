"""Every state and every kind of error has its verdict; nothing falls through unseen."""

import inspect

import pytest

from pipeline.planning.rules import KnownVoice, Reason, plan_voices
from pipeline.planning.rules import WantedVoice as PlannedWish
from pipeline.provider import errors
from pipeline.provider.errors import ProviderError
from pipeline.speech import rules as speech
from pipeline.speech.rules import TakeState
from pipeline.voices import rules as voices
from pipeline.voices.rules import AttemptState, VoiceKind, VoiceState

KINDS = {
    found.kind: found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, ProviderError)
}
OWN_MISSES = ("storage_failed", "storage_away", "audio_lost", "audio_rejected", "worker_lost")
"""What keeps a take from being made on our side of the border."""

CLONE = {
    "not_sent": AttemptState.RESERVED,
    "rate_limited": AttemptState.RESERVED,
    "safe_retry": AttemptState.RELEASED,
    "refused": AttemptState.REJECTED,
    "content_blocked": AttemptState.REJECTED,
    "account_blocked": AttemptState.REJECTED,
    # For a clone these prove nothing: it may have been made and charged.
    "provider_failed": AttemptState.AMBIGUOUS,
    "ambiguous": AttemptState.AMBIGUOUS,
    "voice_gone": AttemptState.AMBIGUOUS,
    "provider_error": AttemptState.AMBIGUOUS,
}
SPEECH = {
    "not_sent": (TakeState.READY, False),
    "rate_limited": (TakeState.READY, False),
    "safe_retry": (TakeState.READY, False),
    "storage_away": (TakeState.READY, False),
    "refused": (TakeState.FAILED, False),
    "content_blocked": (TakeState.FAILED, False),
    "voice_gone": (TakeState.BLOCKED, False),
    "account_blocked": (TakeState.READY, False),
    "provider_failed": (TakeState.READY, True),
    "ambiguous": (TakeState.READY, True),
    "provider_error": (TakeState.READY, True),
    "storage_failed": (TakeState.READY, True),
    "audio_lost": (TakeState.READY, True),
    "audio_rejected": (TakeState.READY, True),
    "worker_lost": (TakeState.READY, True),
}


def test_the_tables_below_know_every_kind_of_error() -> None:
    assert set(CLONE) == set(KINDS)
    assert set(SPEECH) == {*KINDS, *OWN_MISSES}


@pytest.mark.parametrize(("kind", "state"), CLONE.items())
def test_each_error_of_a_clone_has_its_verdict(kind: str, state: AttemptState) -> None:
    judged = voices.verdict(kind)
    assert judged.state is state
    assert judged.again == (state in {AttemptState.RESERVED, AttemptState.RELEASED} or kind == "account_blocked")
    assert judged.blocks_provider == (kind == "account_blocked")


@pytest.mark.parametrize(("kind", "expected"), SPEECH.items())
def test_each_error_of_a_take_has_its_verdict(kind: str, expected: tuple[TakeState, bool]) -> None:
    judged = speech.verdict(kind, paid=0, claims=1, retry_after=None, chance=0.5)
    assert (judged.state, judged.paid) == expected
    assert speech.may_have_cost(kind) == judged.paid
    assert judged.wasted == (judged.paid and kind != "storage_failed")
    assert judged.blocks_account == (kind == "account_blocked")
    assert judged.counts == (kind != "account_blocked")
    assert judged.loses_voice == (kind == "voice_gone")


@pytest.mark.parametrize("unknown", ["", "something_new", "NOT_SENT"])
def test_what_is_not_known_to_be_harmless_is_in_doubt(unknown: str) -> None:
    assert voices.verdict(unknown).state is AttemptState.AMBIGUOUS
    assert speech.verdict(unknown, paid=0, claims=1, retry_after=None, chance=0.5).paid


@pytest.mark.parametrize("state", AttemptState)
def test_every_state_of_an_attempt_says_where_its_money_is(state: AttemptState) -> None:
    is_over = state in {
        AttemptState.SUCCEEDED,
        AttemptState.REJECTED,
        AttemptState.RELEASED,
        AttemptState.WRITTEN_OFF,
    }
    assert state.is_open() != is_over
    assert not state.is_unclear() or state.is_open()


@pytest.mark.parametrize("state", TakeState)
def test_every_state_of_a_take_is_final_open_or_unbegun(state: TakeState) -> None:
    assert (state in speech.OPEN) != state.is_final()
    assert state not in speech.UNBEGUN or state in speech.OPEN
    assert (state is TakeState.SPEAKING) == (state in speech.OPEN and state not in speech.UNBEGUN)


@pytest.mark.parametrize("state", [None, *VoiceState])
def test_every_state_of_a_voice_has_its_reason_in_the_plan(state: VoiceState | None) -> None:
    wish = PlannedWish("key", VoiceKind.CLONED, ["mara"], "mara.wav", price=1, audition_price=1)
    (planned,) = plan_voices([wish], {"key": KnownVoice(state)} if state else {})
    assert isinstance(planned.reason, Reason)
