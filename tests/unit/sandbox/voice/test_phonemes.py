import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sandbox.voice.phonemes import by_spelling, phoneme_front_end
from pipeline.wording.spoken_text import spoken


@pytest.mark.parametrize(
    ("words", "phonemes"),
    [
        ("harbor", "hˈɑɹbəɹ"),
        ("the end of the day", "ði ˈɛnd ʌv ðə dˈA"),
        ("to all to you", "tʊ ˈɔl tə ju"),
        ("plan A M", "plˈæn ˈA ˈɛm"),
        ("a house", "ɐ hˈWs"),
        ("Wait (gold).", "wˈAt (ɡˈOld)."),
    ],
)
def test_known_words_are_said_as_the_lexicon_and_their_neighbours_tell(words: str, phonemes: str) -> None:
    assert phoneme_front_end().phonemes(words) == phonemes


def test_unknown_inflections_follow_their_stem() -> None:
    say = phoneme_front_end().phonemes
    assert say("Oswin's") == say("Oswin") + "z"
    assert say("lanternlight").replace("ˌ", "ˈ") == (say("lantern") + say("light")).replace("ˌ", "ˈ")


def test_unknown_capitals_are_spelled_and_unknown_names_are_guessed() -> None:
    say = phoneme_front_end().phonemes
    assert say("URL") == "jˈuˈɑɹˈɛl"
    assert say("NASA") == "nˈæsə"
    assert by_spelling("xyrthaquel") == "ksˈiɹθækwɛl"
    assert say("Brxt") == "bˈiˈɑɹˈɛkstˈi"


def test_runs_of_tokens_break_between_words_and_lose_nothing() -> None:
    front_end = phoneme_front_end()
    whole = next(front_end.token_ids("lantern " * 60, 10_000))
    runs = list(front_end.token_ids("lantern " * 60, 100))
    space = next(front_end.token_ids("a b", 10))[1]
    assert all(len(run) <= 100 for run in runs)
    assert [i for run in runs for i in run if i != space] == [i for i in whole if i != space]
    assert len({tuple(run) for run in runs[:-1]}) == 1


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_every_text_with_a_letter_or_a_digit_has_something_to_say(text: str) -> None:
    said = list(phoneme_front_end().token_ids(spoken(text), 300))
    assert bool(said) or not any(character.isalnum() for character in text)
