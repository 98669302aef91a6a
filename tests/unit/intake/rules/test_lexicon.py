"""The lexicon: whole words, the narrowest and longest entry first, and nothing else of a text changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intake.rules import lexicon
from pipeline.intake.rules.lexicon import Lexicon, Pronunciation, first_word

XALTHAR = Pronunciation("Xalthar", "ZAL-thar")


def said(text: str, *entries: Pronunciation, character: str = "MARA", language: str = "en") -> str:
    return Lexicon(entries).say(text, character, language)


HINDI = Pronunciation("राम", "RAAM")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("राम आया।", "RAAM आया।"),
        ("जय राम!", "जय RAAM!"),
        ("रामा आया।", "रामा आया।"),
        ("भाराम आया।", "भाराम आया।"),
        ("राम\u0302", "राम\u0302"),
    ],
)
def test_a_vowel_sign_belongs_to_the_word_that_it_stands_in(text: str, expected: str) -> None:
    assert said(text, HINDI, language="hi") == expected


def test_control_where_marks_are_no_part_of_words_half_a_word_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexicon, "_is_mark", lambda _text, _at: False)
    assert said("रामा आया।", HINDI, language="hi") == "RAAMा आया।"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Xalthar falls.", "ZAL-thar falls."),
        ("To xalthar, XALTHAR!", "To ZAL-thar, ZAL-thar!"),
        ("Xalthar's gate", "ZAL-thar's gate"),
        ("Xalthar-born", "ZAL-thar-born"),
        ("Xalthars and Axalthar", "Xalthars and Axalthar"),
        ("", ""),
    ],
)
def test_a_word_is_said_otherwise_wherever_it_stands_alone(text: str, expected: str) -> None:
    assert said(text, XALTHAR) == expected


def test_words_that_belong_together_go_before_the_first_of_them() -> None:
    entries = [Pronunciation("Saint", "Saynt"), Pronunciation("Saint John", "Sinjin")]
    assert said("Saint  John met Saint Ives.", *entries) == "Sinjin met Saynt Ives."


def test_what_was_put_in_is_not_looked_up_again() -> None:
    assert said("one two", Pronunciation("one", "two"), Pronunciation("two", "three")) == "two three"


def test_an_exact_entry_leaves_other_cases_alone() -> None:
    assert said("Tell us about the US.", Pronunciation("US", "U S", exact=True)) == "Tell us about the U S."


def test_an_exact_entry_goes_before_one_for_any_case() -> None:
    entries = [Pronunciation("Polish", "POH-lish", exact=True), Pronunciation("polish", "POL-ish")]
    assert said("Polish people polish.", *entries) == "POH-lish people POL-ish."


@pytest.mark.parametrize(
    ("character", "language", "expected"),
    [
        ("MARA", "en-GB", "both"),
        ("MARA", "de", "mine"),
        ("BRAM", "en", "english"),
        ("BRAM", "fr", "everybody's"),
    ],
)
def test_the_narrowest_scope_is_meant(character: str, language: str, expected: str) -> None:
    entries = [
        Pronunciation("Ewe", "everybody's"),
        Pronunciation("Ewe", "english", languages=("en",)),
        Pronunciation("Ewe", "mine", characters=("MARA",)),
        Pronunciation("Ewe", "both", characters=("MARA",), languages=("en",)),
    ]
    assert said("ewe", *entries, character=character, language=language) == expected


def test_each_place_is_told() -> None:
    found = list(Lexicon((XALTHAR,)).find("Xalthar? Xalthar!", "MARA", "en"))
    assert [(word.start, word.end) for word in found] == [(0, 7), (9, 16)]


@pytest.mark.parametrize(("word", "first"), [("Saint John", "saint"), ("Ça", "ça"), ("'tis", ""), ("…", "")])
def test_an_entry_begins_with_a_letter_or_a_digit(word: str, first: str) -> None:
    assert first_word(word) == first


@given(text=st.text(max_size=60), word=st.text("abcXYZ", min_size=1, max_size=4))
def test_a_text_without_the_word_stays_as_it_is(text: str, word: str) -> None:
    if word.casefold() not in text.casefold():
        assert said(text, Pronunciation(word, "spoken")) == text


@given(text=st.text("ab -'", max_size=30))
def test_an_entry_that_says_a_word_as_it_is_written_changes_nothing(text: str) -> None:
    assert (
        said(text, Pronunciation("ab", "ab", exact=True), Pronunciation("b a", "b a", exact=True)).split()
        == text.split()
    )
