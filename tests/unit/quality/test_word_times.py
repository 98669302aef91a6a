from itertools import pairwise

import pytest

from pipeline.quality import Examiner, word_times
from pipeline.quality.script import words_of
from pipeline.quality.verdict import SpokenWord
from pipeline.quality.word_times import Respelled, WordTime, written_times


def heard(words: str) -> list[SpokenWord]:
    """One word a second, as the aligner would tell it."""
    return [SpokenWord(word, float(at), at + 0.9) for at, word in enumerate(words.split())]


def spans(text: str, words: str, *respelled: Respelled) -> list[tuple[str, float, float]]:
    timed = written_times(text, heard(words), respelled)
    assert timed is not None
    return [(word.text, word.start, word.end) for word in timed]


def test_a_written_word_keeps_its_punctuation_and_gets_the_time_of_its_sound() -> None:
    assert spans("“Hold — the line!”", "hold the line") == [
        ("“Hold", 0.0, 0.9),
        ("—", 0.9, 0.9),
        ("the", 1.0, 1.9),
        ("line!”", 2.0, 2.9),
    ]


def test_a_number_lasts_as_long_as_all_the_words_that_are_said_for_it() -> None:
    assert spans("In 1984 it won.", "in nineteen eighty four it won")[1] == ("1984", 1.0, 3.9)


def test_a_number_is_found_in_whichever_way_it_was_read() -> None:
    spelled = spans("Room 1984 is free.", "room one nine eight four is free")
    grouped = spans("Room 1984 is free.", "room one thousand nine hundred eighty four is free")
    assert spelled[1] == ("1984", 1.0, 4.9)
    assert grouped[1] == ("1984", 1.0, 6.9)


def test_words_that_are_read_together_are_timed_one_by_one_only_where_each_has_one_word() -> None:
    assert spans("5 km away", "five kilometers away") == [("5", 0.0, 0.9), ("km", 1.0, 1.9), ("away", 2.0, 2.9)]
    assert spans("a $5 million bet", "a five million dollars bet")[1] == ("$5 million", 1.0, 3.9)


def test_a_word_of_the_lexicon_is_found_by_what_was_sent_for_it() -> None:
    text = "Xalthar's gone."
    assert spans(text, "zal thar's gone", Respelled(0, 7, "ZAL-thar"))[0] == ("Xalthar's", 0.0, 1.9)
    assert written_times(text, heard("zal thar's gone")) is None


def test_several_written_words_may_be_one_entry_of_the_lexicon() -> None:
    assert spans("To New York now", "to nooyork now", Respelled(3, 11, "nooyork"))[1] == ("New York", 1.0, 1.9)


def test_markup_and_pictures_take_no_time() -> None:
    assert spans("Wait <#0.5#> here 🎉", "wait here") == [
        ("Wait", 0.0, 0.9),
        ("<#0.5#>", 0.9, 0.9),
        ("here", 1.0, 1.9),
        ("🎉", 1.9, 1.9),
    ]


@pytest.mark.parametrize("words", ["", "hold the", "hold the line now", "drop the line"])
def test_words_of_another_text_are_never_guessed_at(words: str) -> None:
    assert written_times("Hold the line!", heard(words)) is None


@pytest.mark.parametrize("text", ["", "🎉", "…"])
def test_a_text_without_a_word_has_no_times(text: str) -> None:
    assert written_times(text, []) is None
    assert written_times(text, heard("hold")) is None


def test_a_long_paragraph_comes_out_whole() -> None:
    text = "Chapter IV: Dr. No paid $12.50, or 3.5% of 1,984 crowns, at 7:30 p.m. on St. Mark's. " * 20
    timed = written_times(text, heard(" ".join(words_of(text))))
    assert timed is not None
    assert " ".join(word.text for word in timed) == " ".join(text.split())
    assert timed[-1] == WordTime("Mark's.", *(timed[-1].start, timed[-1].end))
    assert all(one.end <= other.start for one, other in pairwise(timed))


def test_another_language_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Examiner, "judge")
    assert word_times.word_times(Examiner(), b"", "mp3", "Halt!", language="de-DE") is None


def test_without_an_aligner_nothing_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Examiner, "judge")
    monkeypatch.setattr(word_times, "find_spec", lambda _: None)
    assert word_times.word_times(Examiner(), b"", "mp3", "Halt!") is None
    monkeypatch.setattr(word_times, "find_spec", lambda name: name)
    with pytest.raises(AttributeError, match="judge"):
        word_times.word_times(Examiner(), b"", "mp3", "Halt!")
