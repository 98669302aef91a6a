import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.money import format_usd, parse_usd, usd_number

AMOUNTS = st.integers(min_value=-(10**14), max_value=10**14)


@given(AMOUNTS)
def test_an_amount_written_in_dollars_reads_back_to_the_micro_dollar(micros: int) -> None:
    assert parse_usd(format_usd(micros)) == micros


@given(AMOUNTS)
def test_the_json_number_prints_as_the_exact_decimal(micros: int) -> None:
    assert parse_usd(repr(usd_number(micros))) == micros


@pytest.mark.parametrize(("micros", "text"), [(2_100_000, "2.10"), (84, "0.000084"), (0, "0.00"), (-5, "-0.000005")])
def test_dollars_have_two_decimals_or_as_many_as_they_need(micros: int, text: str) -> None:
    assert format_usd(micros) == text


@pytest.mark.parametrize("text", ["", "ten", "nan", "inf", "0.0000001"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_usd(text)
