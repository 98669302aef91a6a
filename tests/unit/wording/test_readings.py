import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wording import readings, reads


def read(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], words) for start, end, words in readings(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 men (12) paid", [("12", "twelve"), ("(12)", "(twelve)")]),
        ("It cost $5.50, ok", [("$5.50,", "five dollars and fifty cents,")]),
        ("“£3 million”.", [("“£3 million”.", "“three million pounds”.")]),
        ("5½ hours", [("5½", "five and one half")]),
        ("Dr. Zoë Ames at 10:30", [("Dr.", "doctor"), ("10:30", "ten thirty")]),
        ("on 2024-05-01.", [("2024-05-01.", "May first, twenty twenty four.")]),
        ("See https://a.b/c now", [("https://a.b/c", "a dot b slash c")]),
        ('"1984" was it', [('"1984"', '"nineteen eighty four"')]),
        ("Henry VIII was, e.g. him", [("VIII", "the eighth"), ("e.g.", "for example,")]),
        ("90 kg and 50% of it", [("90 kg", "ninety kilograms"), ("50%", "fifty percent")]),
    ],
)  # fmt: skip
def test_numbers_dates_money_and_abbreviations_are_read(text: str, found: list[tuple[str, str]]) -> None:
    assert read(text) == found


@pytest.mark.parametrize("text", ["", "Hello there, plain text.", "Zoë said: “No!” — and left…", "Привет, мир.", "🎉"])
def test_what_is_said_as_it_is_written_is_left_alone(text: str) -> None:
    assert read(text) == []


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert read("Zoë und Ольга: 12") == [("12", "twelve")]


@given(st.text(max_size=80))
def test_parts_are_in_order_and_within_the_text(text: str) -> None:
    at = 0
    for start, end, words in readings(text):
        assert at <= start < end <= len(text)
        assert words
        at = end


@pytest.mark.parametrize(("language", "is_read"), [("en", True), ("en-GB", True), ("de", False), ("enm", False)])
def test_english_alone_is_read(language: str, is_read: bool) -> None:  # noqa: FBT001 - a table's column
    assert reads(language) is is_read
