import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wording.spoken_text import LONGEST_CHUNK, chunks, spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("12 men", "twelve men"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("agent 007", "agent zero zero seven"),
        ("3.14", "three point one four"),
        ("-5 degrees", "minus five degrees"),
        ("pages 10-20", "pages ten to twenty"),
        ("version v1.2.3", "version version one point two point three"),
        ("5½ hours", "five and one half hours"),
        ("the 21st of them", "the twenty first of them"),
        ("3/4 of it", "three quarters of it"),
        ("in 1984 and 2005", "in nineteen eighty four and two thousand five"),
        ("the 1990s", "the nineteen nineties"),
        ("2024-05-01", "May first, twenty twenty four"),
        ("50%", "fifty percent"),
        ("20°C", "twenty degrees Celsius"),
        ("5 km, 1 kg", "five kilometers, one kilogram"),
    ],
)
def test_numbers_are_said_as_a_reader_would(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$5.50", "five dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$0.99", "ninety nine cents"),
        ("£3.2 million", "three point two million pounds"),
        ("$2bn", "two billion dollars"),
        ("€1,000", "one thousand euros"),
        ("¥500", "five hundred yen"),
        ("£0.01", "one penny"),
    ],
)
def test_money_is_said_with_its_currency_behind_the_amount(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("at 10:30", "at ten thirty"),
        ("at 10:05 a.m.", "at ten oh five A M."),
        ("at 5 pm sharp", "at five P M sharp"),
        ("at 12:00", "at twelve o'clock"),
    ],
)
def test_times_of_day_are_said_as_times(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mr. Smith met Dr. Jones", "mister Smith met doctor Jones"),
        ("Dr Jones", "doctor Jones"),
        ("St. John on Main St.", "Saint John on Main street"),
        ("Prof. Gray vs. Capt. Hook", "professor Gray versus captain Hook"),
        ("No. 9", "number nine"),
        ("e.g. this", "for example, this"),
        ("the U.S. fleet", "the U S fleet"),
        ("Henry VIII", "Henry the eighth"),
        ("Chapter IV", "Chapter four"),
    ],
)
def test_abbreviations_are_written_out(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("you & me", "you and me"),
        ("a@example.org", "a at example dot org"),
        ("https://example.com/map", "example dot com slash map"),
        ("it’s “fine”…", 'it\'s "fine"...'),
        ("café naïve Łódź", "cafe naive Lodz"),
        ("Привет", "Privet"),
        ("３ apples", "three apples"),
        ("٣", "three"),
        ("hi 🎉👍🏽", "hi"),
        ("🎉", ""),
        ("", ""),
    ],
)
def test_symbols_and_scripts_become_words_and_pictures_vanish(written: str, said: str) -> None:
    assert spoken(written) == said


@given(st.text(max_size=80))
def test_any_text_becomes_plain_words_and_keeps_something_to_say(text: str) -> None:
    said = spoken(text)
    assert said.isascii() or set(said) - {"—"} <= set(map(chr, range(128)))
    assert not any(character.isdigit() for character in said)
    if any(character.isalnum() for character in text):
        assert any(character.isalpha() for character in said)


@given(st.text(alphabet="ab .,!?;\n", max_size=900))
def test_chunks_hold_every_letter_in_order_and_none_is_too_long(text: str) -> None:
    parts = list(chunks(text))
    assert all(0 < len(part) <= LONGEST_CHUNK for part in parts)
    assert [c for part in parts for c in part if c.isalpha()] == [c for c in text if c.isalpha()]


def test_chunks_end_where_sentences_end() -> None:
    sentence = "The boat left before the tide had turned, and nobody waved. "
    parts = list(chunks(sentence * 12))
    assert len(parts) > 2
    assert all(part.endswith("waved.") for part in parts)
