import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intake.rules import split_text, spoken_text

ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
PROSE = st.lists(
    st.text("abcé", min_size=1, max_size=12)
    | st.sampled_from(["end.", "so,", "“What?”", "3.14", "—", "日本。", "\n\n"]),
    max_size=60,
).map(" ".join)


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(ANY_TEXT)
def test_spoken_text_is_stable_and_has_single_spaces(text: str) -> None:
    spoken = spoken_text(text)
    assert spoken_text(spoken) == spoken
    assert spoken == " ".join(spoken.split())
    assert unicodedata.is_normalized("NFC", spoken)


def test_lines_that_differ_only_in_layout_are_spoken_alike() -> None:
    assert spoken_text(" Cafe\u0301\u00a0 is\n\tclosed. ") == "Café is closed."


@given(text=ANY_TEXT | PROSE, limit=st.integers(1, 60))
def test_splitting_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert without_space("".join(pieces)) == without_space(text)
    assert all(piece.strip() == piece and 0 < len(piece) <= limit for piece in pieces)


@given(text=st.lists(st.text("abé.,", min_size=1, max_size=10), max_size=60).map(" ".join), limit=st.integers(10, 60))
def test_words_stay_whole_where_they_fit(text: str, limit: int) -> None:
    words = [word for piece in split_text(text, limit) for word in piece.split()]
    assert words == text.split()


@given(text=ANY_TEXT, limit=st.integers(301, 400))
def test_a_text_below_the_limit_is_one_piece(text: str, limit: int) -> None:
    assert split_text(text, limit) == ([text.strip()] if text.strip() else [])


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("One two. Three four. Five six.", 22, ["One two. Three four.", "Five six."]),
        ("He said “Stop!” Then he left.", 20, ["He said “Stop!”", "Then he left."]),
        ("It costs 3.50 dollars, or so they say", 30, ["It costs 3.50 dollars,", "or so they say"]),
        ("no marks at all in this one", 12, ["no marks at", "all in this", "one"]),
        ("Wait... what?", 8, ["Wait...", "what?"]),
        ("今日は晴れ。明日は雨、たぶん。", 8, ["今日は晴れ。", "明日は雨、", "たぶん。"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        ("", 5, []),
        (" \n ", 5, []),
    ],
)
def test_texts_are_cut_after_sentences_then_clauses_then_words(text: str, limit: int, pieces: list[str]) -> None:
    assert split_text(text, limit) == pieces


def test_an_accent_or_a_joined_emoji_is_not_torn_from_its_letter() -> None:
    assert split_text("ae\u0301i", 2) == ["a", "e\u0301", "i"]
    assert split_text("x👩\u200d🚀y", 3) == ["x", "👩\u200d🚀", "y"]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        split_text("a", 0)


def test_a_hundred_thousand_characters_are_split_at_the_providers_limit() -> None:
    text = "The tide turns at four and nobody waits. " * 2500
    pieces = split_text(text, 5000)
    assert all(piece.endswith(".") for piece in pieces)
    assert len(pieces) == 21
