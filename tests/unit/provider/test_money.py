from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.provider.money import micros_from_usd, micros_or_none, price_or_none


@pytest.mark.parametrize(
    ("dollars", "micros"),
    [
        ("2.10", 2_100_000),
        ("0", 0),
        (" 47.90 ", 47_900_000),
        ("0.000001", 1),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("0.0000025", 2),
        ("0.00000050000000000000000000000000000000000000000000000000000001", 1),
        ("-0.0000015", -2),
        ("1e-3", 1_000),
        ("4.2E0", 4_200_000),
        ("0.1", 100_000),
        (Decimal("0.3"), 300_000),
        (4, 4_000_000),
        ("9000000000", 9_000_000_000_000_000),
    ],
)
def test_dollars_become_micro_dollars_and_halves_go_to_the_even_neighbour(
    dollars: str | int | Decimal, micros: int
) -> None:
    assert micros_from_usd(dollars) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "two",
        "NaN",
        "Infinity",
        "-inf",
        "1,50",
        "$2.10",
        "1_000",
        "٢",
        "0x10",
        "9000000001",
        "1e999",
        "1" * 70,
    ],
)
def test_what_is_no_amount_of_dollars_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount of dollars"):
        micros_from_usd(text)
    assert micros_or_none(text) is None


@pytest.mark.parametrize("value", [None, True, 2.1, [], {"usd": 1}])
def test_values_that_are_not_exact_numbers_tell_no_amount(value: object) -> None:
    assert micros_or_none(value) is None


def test_a_negative_balance_is_an_amount_and_a_negative_price_is_none() -> None:
    assert micros_or_none("-0.25") == -250_000
    assert price_or_none("-0.25") is None
    assert price_or_none("0.25") == 250_000


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_every_whole_number_of_micro_dollars_survives_being_written_as_dollars(micros: int) -> None:
    assert micros_from_usd(str(Decimal(micros) / 1_000_000)) == micros


@given(st.decimals(min_value=-10_000, max_value=10_000, places=9))
def test_no_amount_is_off_by_more_than_half_a_micro_dollar(dollars: Decimal) -> None:
    assert abs(micros_from_usd(dollars) - dollars * 1_000_000) <= Decimal("0.5")
