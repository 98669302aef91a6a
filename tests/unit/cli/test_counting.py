import pytest

from pipeline.cli.counting import counted


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 voices"), (1, "1 voice"), (2, "2 voices"), (1_000_000, "1,000,000 voices")]
)
def test_a_number_is_told_with_what_it_counts(number: int, told: str) -> None:
    assert counted(number, "voice") == told


@pytest.mark.parametrize(("number", "told"), [(1, "1 line is"), (3, "3 lines are")])
def test_where_more_than_an_s_makes_the_plural_it_is_said(number: int, told: str) -> None:
    assert counted(number, "line is", "lines are") == told
