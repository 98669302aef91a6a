"""The plan as a pure difference: a reason and a price for each line and voice."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planning.rules import (
    KnownLine,
    KnownVoice,
    LinePlanner,
    Plan,
    PlannedLine,
    PlannedVoice,
    Reason,
    WantedLine,
    WantedVoice,
    plan_voices,
)
from pipeline.speech.rules import TakeState
from pipeline.voices.rules import VoiceKind, VoiceState
from tests.support.factories import sha256

NOW = WantedLine("line_1", "mara", "Halt!", fingerprint=sha256("now"), voice_key="clone:1", price=500, chars=5)
BEFORE = KnownLine(fingerprint=sha256("now"), voice_key="clone:1", text="Halt!")
VOICE = WantedVoice("clone:1", VoiceKind.CLONED, ["mara"], "mara.wav", price=2_100_000, audition_price=2_000)


def plan_lines(
    lines: Iterable[WantedLine],
    known: Mapping[str, KnownLine],
    takes: Mapping[str, TakeState],
    unclear: Collection[str] = (),
) -> list[PlannedLine]:
    """Plan some lines in one page."""
    return list(LinePlanner(unclear).plan(lines, known, takes))


def plan_one(known: KnownLine | None, take: TakeState | None) -> PlannedLine:
    """Plan the one line."""
    (planned,) = plan_lines([NOW], {"line_1": known} if known else {}, {sha256("now"): take} if take else {})
    return planned


@pytest.mark.parametrize(
    ("known", "take", "reason"),
    [
        (None, None, Reason.NEW),
        (BEFORE._replace(fingerprint=sha256("then"), text="Stop!"), None, Reason.TEXT),
        (BEFORE._replace(fingerprint=sha256("then"), voice_key="clone:2"), None, Reason.VOICE),
        (BEFORE._replace(fingerprint=sha256("then"), voice_key="clone:2", text="Stop!"), None, Reason.VOICE),
        (BEFORE._replace(fingerprint=sha256("then")), None, Reason.DELIVERY),
        (BEFORE, None, Reason.MISSING),
        (BEFORE, TakeState.FAILED, Reason.FAILED),
        (BEFORE, TakeState.BLOCKED, Reason.FAILED),
        (BEFORE, TakeState.DONE, Reason.REUSED),
        (None, TakeState.DONE, Reason.REUSED),
        *((BEFORE, state, Reason.UNDER_WAY) for state in TakeState if not state.is_final()),
    ],
)
def test_each_change_of_a_line_has_its_reason(known: KnownLine | None, take: TakeState | None, reason: Reason) -> None:
    planned = plan_one(known, take)
    assert planned.reason is reason
    assert planned.price == (500 if reason.is_work() else 0)


def test_lines_that_sound_the_same_are_priced_once() -> None:
    lines = [NOW._replace(line_id=f"line_{number}") for number in range(3)]
    planned = plan_lines(lines, {}, {})
    assert [line.reason for line in planned] == [Reason.NEW, Reason.SHARED, Reason.SHARED]
    assert [line.price for line in planned] == [500, 0, 0]
    assert [line.shares_with for line in planned] == [None, "line_0", "line_0"]


@pytest.mark.parametrize("take", [TakeState.DONE, TakeState.SPEAKING])
def test_lines_that_need_no_work_share_none(take: TakeState) -> None:
    planned = plan_lines([NOW, NOW._replace(line_id="line_2")], {}, {sha256("now"): take})
    assert [line.shares_with for line in planned] == [None, None]
    assert sum(line.price for line in planned) == 0


def test_lines_of_an_unclear_voice_cost_nothing_yet() -> None:
    (planned,) = plan_lines([NOW], {}, {}, unclear={"clone:1"})
    assert (planned.reason, planned.price) == (Reason.UNCLEAR, 0)
    (spoken,) = plan_lines([NOW], {}, {sha256("now"): TakeState.DONE}, unclear={"clone:1"})
    assert spoken.reason is Reason.REUSED


@pytest.mark.parametrize(
    ("state", "reason", "price"),
    [
        (None, Reason.NEW, 2_102_000),
        (VoiceState.FAILED, Reason.FAILED, 2_102_000),
        (VoiceState.READY, Reason.REUSED, 0),
        (VoiceState.WANTED, Reason.UNDER_WAY, 0),
        (VoiceState.MAKING, Reason.UNDER_WAY, 0),
        (VoiceState.UNCLEAR, Reason.UNCLEAR, 0),
    ],
)
def test_each_state_of_a_voice_has_its_reason(state: VoiceState | None, reason: Reason, price: int) -> None:
    (planned,) = plan_voices([VOICE], {"clone:1": KnownVoice(state, "said so")} if state else {})
    assert (planned.reason, planned.price) == (reason, price)
    assert planned.message == ("said so" if state else None)


def test_a_system_voice_costs_nothing_and_is_no_work() -> None:
    (planned,) = plan_voices([replace(VOICE, kind=VoiceKind.SYSTEM, key="system:narrator")], {})
    plan = Plan("game", "stage", [planned], [])
    assert (planned.price, plan.price, plan.has_work) == (0, 0, False)
    assert plan.totals()["voices_to_make"] == 0


def a_plan(**change: object) -> Plan:
    """Return a plan with one voice and two lines that share a take."""
    values: dict[str, object] = {
        "production": "game",
        "provider": "stage",
        "voices": plan_voices([VOICE], {}),
        "lines": plan_lines([NOW, NOW._replace(line_id="line_2")], {}, {}),
        "removed": ["line_0"],
    }
    return Plan(**{**values, **change})  # type: ignore[arg-type] # a mapping of fields


def test_the_totals_are_those_of_the_rows() -> None:
    assert a_plan().totals() == {
        "voices_to_make": 1,
        "lines_to_speak": 1,
        "lines_shared": 1,
        "lines_reused": 0,
        "lines_left_out": 0,
        "lines_removed": 1,
        "lines": 2,
        "chars_to_speak": 5,
        "voices_micros": 2_102_000,
        "lines_micros": 500,
        "total_micros": 2_102_500,
    }
    assert a_plan().price == 2_102_500
    assert a_plan().has_work


def test_lines_that_are_planned_page_by_page_share_what_an_earlier_page_has() -> None:
    planner = LinePlanner()
    (first,) = planner.plan([NOW], {}, {})
    (second,) = planner.plan([NOW._replace(line_id="line_2")], {}, {})
    assert (first.shares_with, second.shares_with, second.price) == (None, "line_1", 0)


def test_equal_plans_have_equal_digests() -> None:
    assert a_plan().digest() == a_plan().digest()


CHEAPER = plan_lines([NOW._replace(price=499), NOW._replace(line_id="line_2")], {}, {})
READY: list[PlannedVoice] = plan_voices([VOICE], {"clone:1": KnownVoice(VoiceState.READY)})


@pytest.mark.parametrize(
    "change",
    [
        {"production": "show"},
        {"provider": "other"},
        {"voices": []},
        {"voices": READY},
        {"lines": []},
        {"lines": CHEAPER},
        {"lines": plan_lines([NOW._replace(fingerprint=sha256("else")), NOW._replace(line_id="line_2")], {}, {})},
        {"removed": []},
    ],
)
def test_whatever_is_done_or_paid_otherwise_changes_the_digest(change: dict[str, object]) -> None:
    assert a_plan(**change).digest() != a_plan().digest()


def test_what_another_run_makes_may_be_done_by_the_time_one_agrees() -> None:
    states = (TakeState.SPEAKING, TakeState.DONE, TakeState.FAILED)
    under_way, done, failed = (a_plan(lines=plan_lines([NOW], {}, {NOW.fingerprint: state})) for state in states)
    assert under_way.digest() == done.digest()
    assert under_way.digest() != failed.digest()


def test_what_is_only_said_does_not_change_the_digest() -> None:
    told = [replace(voice, message="no byte left this machine") for voice in a_plan().voices]
    assert a_plan(voices=told).digest() == a_plan().digest()


SOUNDS = [sha256(name) for name in "abc"]


@given(
    st.lists(st.sampled_from(SOUNDS), max_size=12), st.dictionaries(st.sampled_from(SOUNDS), st.sampled_from(TakeState))
)
def test_each_sound_is_paid_for_at_most_once(sounds: list[str], takes: dict[str, TakeState]) -> None:
    lines = [NOW._replace(line_id=f"line_{number}", fingerprint=sound) for number, sound in enumerate(sounds)]
    planned = plan_lines(lines, {}, takes)
    paid = [line.fingerprint for line in planned if line.price]
    assert len(paid) == len(set(paid))
    assert set(paid) == {sound for sound in sounds if sound not in takes or takes[sound] in FINAL_UNSPOKEN}
    assert all((line.price > 0) == line.reason.is_work() for line in planned)


FINAL_UNSPOKEN = {TakeState.FAILED, TakeState.BLOCKED}


@pytest.mark.parametrize(
    ("needed", "reason", "price"),
    [(None, Reason.LAPSED, True), ({"clone:1"}, Reason.LAPSED, True), (set(), Reason.REUSED, False)],
)
def test_a_voice_that_is_gone_is_paid_for_again_where_it_has_something_to_say(
    needed: set[str] | None, reason: Reason, *, price: bool
) -> None:
    gone = KnownVoice(VoiceState.READY, "it was deleted", is_gone=True)
    (planned,) = plan_voices([VOICE], {"clone:1": gone}, needed)
    assert (planned.reason, planned.price > 0, planned.message) == (reason, price, "it was deleted")
