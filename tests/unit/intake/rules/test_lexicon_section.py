"""The lexicon in the project file: short where it can be, and every slip at its place."""

import pytest

from pipeline.intake.rules import Pronunciation
from tests.unit.intake.rules.submissions import CAST, Submission


def with_lexicon(text: str) -> Submission:
    return Submission(cast__yaml=f"{CAST}lexicon:\n{text}")


def test_a_word_has_one_saying_or_several() -> None:
    project = with_lexicon(
        "  Xalthar: ZAL-thar\n"
        "  Saint  John: {say: Sinjin, characters: MARA, languages: [en]}\n"
        "  Ewe:\n    - yoo\n    - {say: E. W. E., characters: [HERALD], exact: true}\n"
    ).project()
    assert project.lexicon.entries == (
        Pronunciation("Xalthar", "ZAL-thar"),
        Pronunciation("Saint John", "Sinjin", ("MARA",), ("en",)),
        Pronunciation("Ewe", "yoo"),
        Pronunciation("Ewe", "E. W. E.", ("HERALD",), exact=True),
    )


def test_without_a_lexicon_a_text_is_sent_as_it_is_written() -> None:
    project = Submission().project()
    assert project.said(project.lines[0]) == "Hello there."


def test_a_line_is_said_with_the_lexicon_of_its_character() -> None:
    project = with_lexicon("  hello: {say: Ahoy, characters: [MARA]}\n").project()
    assert project.said(project.lines[0]) == "Ahoy there."


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("  Xalthar: ''\n", "lexicon.Xalthar", "this is empty"),
        ("  Xalthar: …\n", "lexicon.Xalthar", "nothing to say"),
        ("  Xalthar: {exact: true}\n", "lexicon.Xalthar.say", "missing"),
        ("  Xalthar: []\n", "lexicon.Xalthar", "this is empty"),
        ("  '…': dots\n", "lexicon.…", "no word"),
        (
            "  Xalthar: {say: ZAL, character: [MARA]}\n",
            "lexicon.Xalthar.character",
            "not known did you mean characters?",
        ),
        ("  Xalthar: {say: ZAL, languages: [english]}\n", "lexicon.Xalthar.languages.1", "not a language tag"),
        (
            "  Xalthar: {say: ZAL, characters: [MARRA]}\n",
            "lexicon.Xalthar.characters",
            "no such character did you mean MARA?",
        ),
        ("  Ewe: [yoo, {say: you, characters: MARRA}]\n", "lexicon.Ewe.2.characters", "no such character"),
        ("  Ewe: yoo\n  EWE: you\n", "lexicon.EWE", "only by case"),
    ],
)
def test_a_slip_is_named_with_its_place(text: str, place: str, said: str) -> None:
    problem = with_lexicon(text).problem()
    assert problem["place"] == place
    assert said in " ".join([problem["message"], problem["hint"]])


def test_a_word_may_end_with_a_vowel_sign() -> None:
    project = with_lexicon("  हिन्दी: HIN-dee\n").project()
    assert project.lexicon.say("हिन्दी में", "MARA", "hi") == "HIN-dee में"
