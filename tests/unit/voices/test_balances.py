"""The balance as evidence, against a model of the provider's book and of ours, call by call in every interleaving."""

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.ledger.service import KnownSpend
from pipeline.provider.evidence import weigh
from pipeline.provider.port import Balances, Truth
from pipeline.voices import service as voices
from pipeline.voices.rules import VoiceKind

PRICE = 2_100_000
OPENING = 100_000_000
MOMENTS = 6
"""The reads around a paid call: books, balance, claim; then, once it is in doubt, books, balance, books."""
JOB = voices.Job("try_1", "voice_1", VoiceKind.CLONED, "kyma", "clone", "mara~1", None, None, "", "", None, None)


@dataclass(frozen=True)
class Call:
    """Another call: held before it is sent, charged by the provider while it runs, booked some time after.

    `held_at <= charged_at <= booked_at` are moments; a call that is never booked is still in flight at the end.
    """

    held_at: int
    charged_at: int
    booked_at: int | None
    estimate: int
    charged: int
    is_told: bool
    """Whether the provider said what it had charged; else the estimate is booked."""


@dataclass(frozen=True)
class Parked:
    """An attempt that has waited for a person since long before: charged or not, and perhaps decided meanwhile."""

    price: int
    is_charged: bool
    decided_at: int | None
    """The moment from which it is booked as it was, or set free where it was not charged; None while it waits."""

    def waits(self, moment: int) -> bool:
        return self.decided_at is None or moment < self.decided_at


@dataclass
class World:
    """Both books at one moment after the other."""

    calls: list[Call]
    is_made: bool
    made_after: int = 3
    """The moment after which the doubtful call took effect; it was sent after the claim, which is moment 2."""
    parked: list[Parked] = field(default_factory=list)
    readings: list[tuple[KnownSpend, int]] = field(default_factory=list)

    def run(self) -> None:
        for moment in range(MOMENTS):
            self.readings.append((self._books(moment), self._balance(moment)))

    def doubted(self) -> voices.Doubted:
        (before, _), (_, balance), (claimed, _), (since, _) = self.readings[:4]
        return voices.Doubted(
            job=JOB,
            fence=1,
            price=PRICE,
            balance_before=balance,
            spent_before=before.spent,
            estimated_before=before.estimated,
            committed_before=claimed.committed - PRICE,
            spend=since,
            parked=self._parked(3),
            asked_at=0,
        )

    def balances(self) -> Balances:
        found = voices.balances(self.doubted(), self.readings[4][1], self.readings[5][0], self._parked(5))
        assert found is not None
        return found

    def _books(self, moment: int) -> KnownSpend:
        spent = estimated = 0
        held = PRICE if moment >= 2 else 0  # the claim is read in the transaction that has its own hold on the books
        for call in self.calls:
            if call.booked_at is not None and call.booked_at <= moment:
                spent += call.charged if call.is_told else call.estimate
                estimated += 0 if call.is_told else call.estimate
            elif call.held_at <= moment:
                held += call.estimate
        for waiting in self.parked:
            held += waiting.price if waiting.waits(moment) else 0
            lost = not waiting.waits(moment) and waiting.is_charged
            spent, estimated = spent + waiting.price * lost, estimated + waiting.price * lost
        return KnownSpend(spent, estimated, held)

    def _parked(self, moment: int) -> int:
        return sum(waiting.price for waiting in self.parked if waiting.waits(moment))

    def _balance(self, moment: int) -> int:
        others = sum(call.charged for call in self.calls if call.charged_at <= moment)
        others += sum(waiting.price for waiting in self.parked if waiting.is_charged)
        return OPENING - others - (PRICE if self.is_made and moment >= self.made_after else 0)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    # -1 is before everything, and what is charged at MOMENTS is not charged in any reading.
    held_at = draw(st.integers(-1, MOMENTS - 1))
    charged_at = draw(st.integers(held_at, MOMENTS))
    is_booked = draw(st.booleans()) and charged_at < MOMENTS
    estimate = draw(st.sampled_from([1_000, 30_000, PRICE]) | st.integers(0, 3 * PRICE))
    is_told = draw(st.booleans())
    # What nobody was told may not have been charged at all; a figure that is told is never above what was held.
    charged = estimate if is_told else draw(st.sampled_from([0, estimate]) | st.integers(0, estimate))
    return Call(
        held_at=held_at,
        charged_at=charged_at,
        booked_at=draw(st.integers(charged_at, MOMENTS - 1)) if is_booked else None,
        estimate=estimate,
        charged=charged,
        is_told=is_told,
    )


@st.composite
def parked(draw: st.DrawFn) -> Parked:
    decided_at = draw(st.none() | st.integers(0, MOMENTS - 1))
    return Parked(draw(st.sampled_from([PRICE, 2 * PRICE])), draw(st.booleans()), decided_at)


def truth(world: World) -> Truth:
    return Truth.CHARGED if world.is_made else Truth.NOT_MADE


@given(
    others=st.lists(calls(), max_size=6),
    waiting=st.lists(parked(), max_size=2),
    is_made=st.booleans(),
    made_after=st.sampled_from([3, 4]),
)
@example(others=[Call(-1, -1, -1, 30_000, 0, is_told=False)], waiting=[], is_made=False, made_after=3)
@example(others=[], waiting=[Parked(PRICE, is_charged=True, decided_at=3)], is_made=False, made_after=3)
def test_whatever_else_is_called_or_decided_meanwhile_the_truth_is_never_excluded(
    *, others: list[Call], waiting: list[Parked], is_made: bool, made_after: int
) -> None:
    world = World(others, is_made, made_after, waiting)
    world.run()
    found = weigh(world.balances(), PRICE)
    assert found in {truth(world), Truth.UNKNOWN}


@pytest.mark.parametrize("is_made", [True, False])
def test_where_little_else_was_called_the_balance_tells(*, is_made: bool) -> None:
    settled_before = Call(-1, -1, -1, PRICE, PRICE, is_told=True)
    in_flight = Call(0, 4, None, 30_000, 30_000, is_told=True)
    guessed = Call(3, 3, 3, 30_000, 10_000, is_told=False)
    world = World([settled_before, in_flight, guessed], is_made)
    world.run()
    assert weigh(world.balances(), PRICE) is truth(world)


@pytest.mark.parametrize("is_made", [True, False])
def test_what_waits_for_a_person_does_not_blur_the_evidence_for_what_comes_after(*, is_made: bool) -> None:
    waiting = [Parked(PRICE, is_charged=True, decided_at=None), Parked(PRICE, is_charged=False, decided_at=None)]
    world = World([], is_made, parked=waiting)
    world.run()
    assert weigh(world.balances(), PRICE) is truth(world)
    assert world.balances().others_low == world.balances().others_high == 0


@pytest.mark.parametrize("is_made", [True, False])
def test_where_one_of_two_voices_was_charged_nothing_is_concluded(*, is_made: bool) -> None:
    world = World([Call(0, MOMENTS if is_made else 4, None, PRICE, PRICE, is_told=True)], is_made)
    world.run()
    assert weigh(world.balances(), PRICE) is Truth.UNKNOWN


def test_without_both_readings_there_is_no_such_evidence() -> None:
    world = World([], is_made=False)
    world.run()
    doubted = world.doubted()
    assert voices.balances(doubted, None, doubted.spend, 0) is None
    unread = voices.Doubted(**{**vars(doubted), "balance_before": None})
    assert voices.balances(unread, OPENING, doubted.spend, 0) is None


def exactly(world: World) -> Truth:
    """Compare as if nothing happened between the reads: what the books say was spent is what the others took."""
    (before, _), (_, balance) = world.readings[:2]
    others = world.readings[5][0].spent - before.spent
    return weigh(Balances(balance, world.readings[4][1], others, others), PRICE)


WRONG = [
    # A clone of before that is booked late: the drop before the first reading is taken for one after it.
    (World([Call(0, 1, 5, PRICE, PRICE, is_told=True)], is_made=True), Truth.NOT_MADE),
    # A call in flight of the same price: its charge is taken for that of the attempt.
    (World([Call(2, 4, None, PRICE, PRICE, is_told=True)], is_made=False), Truth.CHARGED),
    # An estimate booked for a call that was never charged.
    (World([Call(2, 3, 3, PRICE, 0, is_told=False)], is_made=True), Truth.NOT_MADE),
]


@pytest.mark.parametrize(("world", "wrongly"), WRONG)
def test_control_an_exact_comparison_reaches_wrong_verdicts(world: World, wrongly: Truth) -> None:
    world.readings.clear()
    world.run()
    assert exactly(world) is wrongly
    assert truth(world) is not wrongly
    assert weigh(world.balances(), PRICE) is Truth.UNKNOWN
