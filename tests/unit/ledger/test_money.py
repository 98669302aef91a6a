import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.money import UNLIMITED, dollars, parse_dollars


@pytest.mark.parametrize(
    ("micros", "written"),
    [
        (0, "$0.00"),
        (2_100_000, "$2.10"),
        (1_260, "$0.001260"),
        (-500_000, "-$0.50"),
        (1_234_567_000_000, "$1,234,567.00"),
    ],
)
def test_an_amount_is_written_for_people(micros: int, written: str) -> None:
    assert dollars(micros) == written


@given(st.integers(0, 10**15))
def test_what_is_written_is_read_back_exactly(micros: int) -> None:
    assert parse_dollars(dollars(micros)) == micros


@pytest.mark.parametrize("text", ["2.10", "$2.10", " 2.1 ", "2.100000", "$ 2.10"])
def test_an_amount_may_be_written_in_several_ways(text: str) -> None:
    assert parse_dollars(text) == 2_100_000


@pytest.mark.parametrize(
    "text", ["", "two", "-1", "0.0000001", "NaN", "inf", "1e400", "$", "2.1.0", "٢", "2,10", "1,0000", "9" * 20]
)
def test_what_is_no_amount_of_whole_micro_dollars_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of dollars"):
        parse_dollars(text)


def test_no_cap_leaves_room_for_a_hold_in_a_bigint() -> None:
    assert 2 * UNLIMITED - 1 < 2**63
