import pytest

from pipeline.intake.rules import Project
from tests.unit.intake.rules.submissions import Submission, only_sheet

DOCUMENT = """\
<?xml version="1.0" encoding="utf-16"?>
<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-GB">
  <voice name="MARA">
    <p><s>It is the <say-as interpret-as="ordinal">21</say-as> (really).</s><s>Go!</s> <break time="1.5s"/>
    <sub alias="triple you">WWW</sub> <emphasis>now</emphasis>.</p>
    <p>Stay &amp; wait.<break strength="strong"/></p><!-- never spoken -->
  </voice>
  <voice name="HERALD">Hear!</voice>
</speak>
"""


def ssml(content: str) -> Submission:
    return only_sheet("scene.ssml", content)


def said(project: Project) -> list[tuple[str, str, str]]:
    return [(line.character, project.said(line), line.extras["pause_after"]) for line in project.lines]


def test_voices_paragraphs_and_breaks_become_lines_and_words_are_said_as_asked() -> None:
    project = ssml(DOCUMENT).project()
    assert said(project) == [
        ("MARA", "It is the twenty first (really). Go!", "1.5"),
        ("MARA", "triple you now.", ""),
        ("MARA", "Stay & wait.", "1"),
        ("HERALD", "Hear!", ""),
    ]
    assert [line.text for line in project.lines][:2] == ["It is the 21 (really). Go!", "WWW now."]
    assert [line.extras["paragraph"] for line in project.lines] == ["1", "1", "2", "3"]
    assert [line.row for line in project.lines] == [4, 4, 6, 8]
    assert len(project.notes) == 2


def test_without_a_voice_the_narrator_speaks() -> None:
    files = ssml("<speak><p>Once.</p>And twice.</speak>")
    files.files["cast.yaml"] = f"{files.files['cast.yaml']!s}\nepisode: {{narrator: HERALD}}\n"
    assert said(files.project()) == [("HERALD", "Once.", ""), ("HERALD", "And twice.", "")]


@pytest.mark.parametrize(
    ("inner", "message", "hint"),
    [
        ("<prosody rate='slow'>Hi</prosody>", "the element <prosody> is not known", "give the character a speed"),
        ("<brake/>", "the element <brake> is not known", "did you mean break?"),
        ("<break tiem='1s'/>", "<break> has no attribute tiem", ""),
        ("<break time='soon'/>", "this is not a number", ""),
        ("<break strength='storng'/>", "a break has no strength storng", "did you mean strong?"),
        ("<sub alias=''>a</sub>", "there is nothing to say", ""),
        ("<sub alias='a'><s>b</s></sub>", "<s> may not stand within <sub>", "close that one first"),
        ("<say-as interpret-as='cardnal'>1</say-as>", "interpret-as=cardnal", "did you mean cardinal?"),
        ("<say-as interpret-as='date'>2026-02-30</say-as>", "2026-02-30 cannot be said as date", ""),
        ("<speak>a</speak>", "a document is one <speak>", ""),
        ("<sub alias='a&#xFDD2;'>b</sub>", "a reference stands for no character", "delete it"),
        ("&#xFDD3;", "a reference stands for no character", "delete it"),
    ],
)
def test_everything_else_is_refused_by_name_and_line(inner: str, message: str, hint: str) -> None:
    problem = ssml(f"<speak>\n<voice name='MARA'>Hi. {inner}</voice></speak>").problems()[0]
    assert problem["line"] == 2
    assert problem["message"].startswith(message)
    assert problem["hint"].startswith(hint)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><speak>&a;</speak>', "declares a document type"),
        ("<speak>&b;</speak>", "not well-formed in line 1: undefined entity"),
        ("<speak>\n<p></speak>", "not well-formed in line 2: mismatched tag"),
        ("", "not well-formed in line 1: no element found"),
        ("<p>Hi.</p>", "a document is one <speak>"),
        ("<speak></speak>", "no lines"),
        ("<speak>Hi.</speak>", "no voice says who speaks here"),
        ("<speak xml:lang='de'><voice name='MARA'>Hi.</voice></speak>", "the document is in de and its sheet in en"),
    ],
)
def test_what_is_no_document_of_ours_is_refused(content: str, message: str) -> None:
    assert message in ssml(content).problems()[0]["message"]


def test_a_voice_nobody_has_is_refused_with_the_nearest() -> None:
    assert ssml("<speak><voice name='MARRA'>Hi.</voice></speak>").problem()["hint"] == "did you mean MARA?"


def test_words_for_numbers_are_known_in_english_alone() -> None:
    files = ssml("<speak><voice name='MARA'><say-as interpret-as='cardinal'>1</say-as></voice></speak>")
    files.files["cast.yaml"] = f"language: de\n{files.files['cast.yaml']!s}"
    assert "known in English alone" in files.problems()[0]["message"]
