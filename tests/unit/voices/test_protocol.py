"""The protocol of a paid attempt, as a table that stands here once more: what moves, from where, and the money."""

from itertools import pairwise

import pytest

from pipeline.voices.rules import (
    TRANSITIONS,
    AttemptState,
    Judgement,
    Money,
    Move,
    attempt_label,
    chosen_id,
    judge,
    late_move,
    next_check_ms,
    quiet_at,
)

RESERVED, SENDING, AMBIGUOUS, SUCCEEDED, REJECTED, RELEASED, OPERATOR, WRITTEN_OFF = AttemptState
UNPROVEN = {SENDING, AMBIGUOUS, OPERATOR}

TABLE = {
    Move.RESERVE: (set(), RESERVED, Money.HOLD),
    Move.SEND: ({RESERVED}, SENDING, Money.KEEP),
    Move.SUCCEED: (UNPROVEN, SUCCEEDED, Money.SPEND),
    Move.REJECT: (UNPROVEN, REJECTED, Money.FREE),
    Move.UNSEND: ({SENDING}, RESERVED, Money.KEEP),
    Move.DOUBT: ({SENDING}, AMBIGUOUS, Money.KEEP),
    Move.DISPROVE: (UNPROVEN, RELEASED, Money.FREE),
    Move.REFER: ({SENDING, AMBIGUOUS}, OPERATOR, Money.KEEP),
    Move.ADOPT: ({OPERATOR}, SUCCEEDED, Money.SPEND),
    Move.ALLOW: ({OPERATOR}, RELEASED, Money.FREE),
    Move.WRITE_OFF: ({OPERATOR}, WRITTEN_OFF, Money.LOSE),
    Move.GIVE_UP: ({RESERVED}, RELEASED, Money.FREE),
}


@pytest.mark.parametrize("move", Move)
def test_each_move_leads_from_where_to_where_and_with_the_money_as_the_protocol_says(move: Move) -> None:
    before, after, money = TABLE[move]
    assert (TRANSITIONS[move].before, TRANSITIONS[move].after, TRANSITIONS[move].money) == (before, after, money)


@pytest.mark.parametrize("move", Move)
def test_money_stays_held_exactly_while_the_attempt_is_open(move: Move) -> None:
    is_held = TRANSITIONS[move].money in {Money.HOLD, Money.KEEP}
    assert TRANSITIONS[move].after.is_open() == is_held


@pytest.mark.parametrize("state", AttemptState)
def test_what_is_over_stays_as_it_is_and_what_is_open_can_move_on(state: AttemptState) -> None:
    moves = {move for move, transition in TRANSITIONS.items() if state in transition.before}
    assert bool(moves) == state.is_open()


def test_only_a_person_takes_a_loss_or_makes_anew_what_cannot_be_proven() -> None:
    of_a_person = {Move.ADOPT, Move.ALLOW, Move.WRITE_OFF}
    assert {move for move in Move if TRANSITIONS[move].before == {OPERATOR}} == of_a_person


@pytest.mark.parametrize(
    ("answered", "late"),
    [
        (Move.SUCCEED, Move.SUCCEED),
        (Move.REJECT, Move.REJECT),
        (Move.DISPROVE, Move.DISPROVE),
        # Somebody else may have taken the attempt up by then, so it is not put back.
        (Move.UNSEND, Move.DISPROVE),
        (Move.DOUBT, None),
    ],
)
def test_a_late_answer_proves_what_it_would_have_proven_in_time(answered: Move, late: Move | None) -> None:
    assert late_move(answered) is late


WAIT = Judgement(None)
LOST = Judgement(Move.REFER, "charged_voice_lost")
NOBODY_KNOWS = Judgement(Move.REFER, "unknown")
JUDGEMENTS = [
    # truth, quiet, may show later
    ("made", False, False, Judgement(Move.SUCCEED)),
    ("made", False, True, Judgement(Move.SUCCEED)),
    ("made", True, False, Judgement(Move.SUCCEED)),
    ("made", True, True, Judgement(Move.SUCCEED)),
    ("not_made", False, False, WAIT),
    ("not_made", False, True, WAIT),
    ("not_made", True, False, Judgement(Move.DISPROVE)),
    ("not_made", True, True, Judgement(Move.DISPROVE)),
    ("charged", False, False, LOST),
    ("charged", False, True, WAIT),
    ("charged", True, False, LOST),
    ("charged", True, True, LOST),
    ("unknown", False, False, WAIT),
    ("unknown", False, True, WAIT),
    ("unknown", True, False, NOBODY_KNOWS),
    ("unknown", True, True, NOBODY_KNOWS),
]


@pytest.mark.parametrize(("truth", "quiet", "may_show_later", "judged"), JUDGEMENTS)
def test_absence_counts_only_once_nothing_more_can_be_sent_or_show_up(
    *, truth: str, quiet: bool, may_show_later: bool, judged: Judgement
) -> None:
    assert judge(truth, quiet=quiet, may_show_later=may_show_later) == judged


def test_a_sender_nobody_has_seen_end_may_be_asleep_for_as_long_as_is_believable() -> None:
    waits = {"quiescence_ms": 900_000, "lateness_ms": 120_000}
    assert quiet_at(1_000, sender_ended=True, **waits) == 121_000
    assert quiet_at(1_000, sender_ended=False, **waits) == 1_021_000


def test_the_evidence_is_looked_at_less_and_less_often_but_every_minute_at_the_least() -> None:
    waits = [next_check_ms(checks) for checks in range(50)]
    assert waits[0] == 2_000
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert max(waits) == 60_000


def test_an_id_is_asked_for_once_ever() -> None:
    assert chosen_id("try_01abc", 1) == "callsheet-01abc-g1"
    assert chosen_id("try_01abc", 2) != chosen_id("try_01abc", 1) != chosen_id("try_01abd", 1)
    assert attempt_label("mara", "try_0123456789") == "mara~23456789"
