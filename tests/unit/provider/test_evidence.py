"""The balance as a witness: it may keep silent, it must not lie."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.provider.evidence import told, weigh
from pipeline.provider.port import Balances, Truth

PRICE = 2_100_000
micros = st.integers(0, 50_000_000)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Balances, int, bool]:
    """An account that paid for this call or did not, beside other spend that is known within bounds."""
    price, before = draw(st.integers(1, 10_000_000)), draw(micros)
    low, slack = draw(micros), draw(st.integers(0, 4_000_000))
    others, charged = draw(st.integers(low, low + slack)), draw(st.booleans())
    now = before - others - (price if charged else 0)
    return Balances(before, now, low, low + slack), price, charged


def by_drop_alone(balances: Balances, price: int) -> Truth:
    """What a weighing would say that does not ask what else was spent."""
    return Truth.CHARGED if balances.before - balances.now >= price else Truth.NOT_MADE


def lies(truth: Truth, *, charged: bool) -> bool:
    return truth is (Truth.NOT_MADE if charged else Truth.CHARGED)


@given(histories())
def test_the_balance_never_says_the_opposite_of_what_happened(history: tuple[Balances, int, bool]) -> None:
    balances, price, charged = history

    assert not lies(weigh(balances, price), charged=charged)


@given(histories())
def test_the_balance_decides_whenever_other_spend_is_known_more_closely_than_the_price(
    history: tuple[Balances, int, bool],
) -> None:
    balances, price, charged = history
    decided = weigh(balances, price) is not Truth.UNKNOWN

    assert decided or balances.others_high - balances.others_low >= price
    assert weigh(balances, price) in (Truth.UNKNOWN, Truth.CHARGED if charged else Truth.NOT_MADE)


def test_a_weighing_that_ignores_other_spend_lies() -> None:
    spoken_meanwhile = Balances(before=50_000_000, now=47_000_000, others_low=3_000_000, others_high=3_000_000)

    assert lies(by_drop_alone(spoken_meanwhile, PRICE), charged=False)
    assert weigh(spoken_meanwhile, PRICE) is Truth.NOT_MADE


def test_a_top_up_a_second_user_of_the_key_and_too_much_other_spend_leave_it_open() -> None:
    topped_up = Balances(50_000_000, 97_900_000, 0, 0)
    stranger = Balances(50_000_000, 49_000_000, 0, 0)
    too_much_in_flight = Balances(50_000_000, 47_000_000, 0, 3_000_000)

    assert {weigh(seen, PRICE) for seen in (topped_up, stranger, too_much_in_flight)} == {Truth.UNKNOWN}


def test_a_balance_that_has_risen_is_no_proof_of_absence_however_much_may_not_have_been_spent() -> None:
    """It was charged, and topped up: a clone's worth of holds that came to nothing would explain the rise as well."""
    charged_and_topped_up = Balances(before=10_000_000, now=13_900_000, others_low=-4_200_000, others_high=4_200_000)

    assert weigh(charged_and_topped_up, PRICE) is Truth.UNKNOWN


def test_what_was_seen_is_told_in_dollars() -> None:
    sentence = told(Balances(50_000_000, 47_865_800, 30_000, 40_000), PRICE)

    assert sentence == (
        "The balance went from $50.00 to $47.8658, a drop of $2.1342;"
        " our other calls took $0.03 to $0.04, and this one costs $2.10."
    )
