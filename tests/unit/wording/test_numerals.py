import pytest

from pipeline.wording import numerals


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (40, "forty"),
        (115, "one hundred fifteen"),
        (1_000_001, "one million one"),
        (2_000_000_000_000, "two trillion"),
    ],
)
def test_counts(number: int, words: str) -> None:
    assert numerals.cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (12, "twelfth"), (20, "twentieth"), (33, "thirty third"), (100, "one hundredth")],
)
def test_ranks(number: int, words: str) -> None:
    assert numerals.ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1066, "one thousand sixty six"),
        (1800, "eighteen hundred"),
        (1906, "nineteen oh six"),
        (2009, "two thousand nine"),
        (2026, "twenty twenty six"),
    ],
)
def test_years(number: int, words: str) -> None:
    assert numerals.year(number) == words


def test_very_long_numbers_are_read_digit_by_digit() -> None:
    assert numerals.number("1" * 16) == " ".join(["one"] * 16)
