import pytest

from pipeline.quality.phones import pronounced, stated
from pipeline.quality.script import Script


def english(text: str) -> Script:
    return Script.of(text, "en-GB")


def test_tags_and_pauses_are_no_words() -> None:
    script = english('[whispers] Come <#0.5#> closer. (sighs) <break time="250ms"/> <emphasis>Now</emphasis>!')
    assert next(script.readings()) == ("come", "closer", "now")
    assert script.pauses == (0.5, 0.25)


def test_a_number_may_be_read_in_several_ways() -> None:
    readings = [" ".join(reading) for reading in english("Since 1984.").readings()]
    assert readings == [
        "since nineteen eighty four",
        "since one thousand nine hundred eighty four",
        "since one nine eight four",
    ]


@pytest.mark.parametrize(("text", "words"), [("...", 0), ("Don't go.", 2), ("It is 9:30.", 4)])
def test_words_are_counted_as_they_are_said(text: str, words: int) -> None:
    assert len(next(english(text).readings(), ())) == words


def test_a_text_lasts_as_long_as_its_characters_take_at_its_speed() -> None:
    line = "Keep the lantern low and wait until the tide has turned."
    assert english(line).seconds(1.0) == pytest.approx(4.2, abs=0.3)
    assert english(line).seconds(2.0) == pytest.approx(english(line).seconds(1.0) / 2)
    assert Script.of("私はここにいます。", "ja").seconds(1.0) > english("abcdefgh").seconds(1.0)


def test_asked_pauses_are_added_whatever_the_speed() -> None:
    assert english("Wait <#3#> now.").seconds(2.0) - english("Wait now.").seconds(2.0) == pytest.approx(3.0)


DICTIONARY = {"salt": ("S", "AO", "L", "T"), "marsh": ("M", "AA", "R", "SH"), "bell": ("B", "EH", "L")}


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("salt", "S AO L T"),
        ("saltmarsh", "S AO L T M AA R SH"),
        ("bells", "B EH L Z"),
        ("qeth", "K EH TH"),
        ("xalthar", "K S AE L TH AA R"),
    ],
)
def test_a_word_that_no_dictionary_has_is_pronounced_by_its_parts_or_its_letters(word: str, phones: str) -> None:
    assert " ".join(pronounced(word, DICTIONARY.get)[0]).endswith(phones)


@pytest.mark.parametrize("entry", ["Z AE1 L TH AA2 R", "zal-thar"])
def test_a_lexicon_gives_phones_or_a_respelling(entry: str) -> None:
    assert ("Z", "AE", "L", "TH", "AA", "R") in stated(entry, DICTIONARY.get)


@pytest.mark.parametrize(
    ("text", "exclaimed"), [("Run!", True), ("走！", True), ("Run.", False), ("Run<#0.5#>.", False)]
)
def test_what_is_called_out_is_told_by_its_mark(text: str, *, exclaimed: bool) -> None:
    assert Script.of(text, "en").exclaimed is exclaimed
