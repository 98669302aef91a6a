"""How a paid attempt moves: which transition follows what was seen, and what each does to the money.

A voice costs dollars, cannot be unmade, and its call has no idempotency key. So only these leave `sending`: the
answer, a documented refusal, and the proof that no byte left; everything else is `ambiguous` and is settled by
evidence or by a person. A second call without proof never happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.voices.rules.states import AttemptState

MAX_ATTEMPTS = 3
"""How often an attempt that provably did not happen is made anew in a run before the voice fails."""
CHECK_MS = 2_000
"""How soon the evidence is looked at again; doubles with each look."""
LONGEST_CHECK_MS = 60_000


class Money(StrEnum):
    """What a transition does with the money that is held."""

    HOLD = "hold"
    KEEP = "keep"
    SPEND = "spend"
    FREE = "free"
    LOSE = "lose"
    """It was spent, and nothing came of it."""


class Move(StrEnum):
    """A transition of an attempt."""

    RESERVE = "reserve"
    SEND = "send"
    SUCCEED = "succeed"
    REJECT = "reject"
    UNSEND = "unsend"
    DOUBT = "doubt"
    DISPROVE = "disprove"
    REFER = "refer"
    ADOPT = "adopt"
    ALLOW = "allow"
    WRITE_OFF = "write_off"
    GIVE_UP = "give_up"


@dataclass(frozen=True)
class Transition:
    """From where a move is allowed, where it leads, and what it does with the money."""

    before: frozenset[AttemptState]
    after: AttemptState
    money: Money


def _transition(money: Money, after: AttemptState, *before: AttemptState) -> Transition:
    return Transition(frozenset(before), after, money)


_S = AttemptState
TRANSITIONS: Mapping[Move, Transition] = {
    Move.RESERVE: _transition(Money.HOLD, _S.RESERVED),
    Move.SEND: _transition(Money.KEEP, _S.SENDING, _S.RESERVED),
    # The answer, however late it comes, and the evidence that stands for it.
    Move.SUCCEED: _transition(Money.SPEND, _S.SUCCEEDED, _S.SENDING, _S.AMBIGUOUS, _S.OPERATOR),
    Move.REJECT: _transition(Money.FREE, _S.REJECTED, _S.SENDING, _S.AMBIGUOUS, _S.OPERATOR),
    Move.UNSEND: _transition(Money.KEEP, _S.RESERVED, _S.SENDING),
    Move.DOUBT: _transition(Money.KEEP, _S.AMBIGUOUS, _S.SENDING),
    Move.DISPROVE: _transition(Money.FREE, _S.RELEASED, _S.SENDING, _S.AMBIGUOUS, _S.OPERATOR),
    Move.REFER: _transition(Money.KEEP, _S.OPERATOR, _S.SENDING, _S.AMBIGUOUS),
    # What a person decides.
    Move.ADOPT: _transition(Money.SPEND, _S.SUCCEEDED, _S.OPERATOR),
    Move.ALLOW: _transition(Money.FREE, _S.RELEASED, _S.OPERATOR),
    Move.WRITE_OFF: _transition(Money.LOSE, _S.WRITTEN_OFF, _S.OPERATOR),
    Move.GIVE_UP: _transition(Money.FREE, _S.RELEASED, _S.RESERVED),
}


@dataclass(frozen=True)
class Verdict:
    """What a call that brought no voice means for its attempt."""

    move: Move
    again: bool = False
    """Whether the work goes on: by the same attempt when nothing was sent, by a new one when it is released."""
    blocks_provider: bool = False

    @property
    def state(self) -> AttemptState:
        """Return the state it leads to."""
        return TRANSITIONS[self.move].after


def verdict(error_kind: str) -> Verdict:
    """Judge a failed call by the kind of its error; whatever is not known to be harmless is in doubt."""
    match error_kind:
        case "not_sent" | "rate_limited":
            return Verdict(Move.UNSEND, again=True)
        case "safe_retry":
            return Verdict(Move.DISPROVE, again=True)
        case "refused" | "content_blocked":
            return Verdict(Move.REJECT)
        case "account_blocked":
            return Verdict(Move.REJECT, again=True, blocks_provider=True)
        case _:
            return Verdict(Move.DOUBT)


def late_move(answered: Move) -> Move | None:
    """Return what the answer to a call does whose outcome is in doubt by now; None where it is as unclear itself."""
    match answered:
        case Move.UNSEND:
            return Move.DISPROVE  # nothing was sent, and by now somebody else may have taken up the attempt
        case Move.DOUBT:
            return None
        case _:
            return answered


def quiet_at(doubted_at: int, *, sender_ended: bool, quiescence_ms: int, lateness_ms: int) -> int:
    """Return from when on absence counts: nothing more can be sent or show up. Milliseconds.

    A sender that nobody has seen end may only be asleep between its check and its call.
    """
    return doubted_at + lateness_ms + (0 if sender_ended else quiescence_ms)


@dataclass(frozen=True)
class Judgement:
    """What evidence does to an attempt in doubt; without a move it is looked at again."""

    move: Move | None
    verdict: str | None = None
    """Why it goes to a person."""


def judge(truth: str, *, quiet: bool, may_show_later: bool) -> Judgement:
    """Judge evidence. `may_show_later`: the provider lists our own voices, and the list may be behind."""
    match truth:
        case "made":
            return Judgement(Move.SUCCEED)
        case "charged" if quiet or not may_show_later:
            return Judgement(Move.REFER, "charged_voice_lost")
        case "not_made" if quiet:
            return Judgement(Move.DISPROVE)
        case "unknown" if quiet:
            return Judgement(Move.REFER, "unknown")
        case _:
            return Judgement(None)


def next_check_ms(checks: int) -> int:
    """Return how long to wait before the next look at the evidence."""
    wait: int = min(LONGEST_CHECK_MS, CHECK_MS * 2 ** min(checks, 10))
    return wait
