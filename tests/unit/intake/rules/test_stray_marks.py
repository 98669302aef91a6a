import pytest

from pipeline.intake.rules.project import Line
from pipeline.intake.rules.stray_marks import stray_marks


def told(*texts: str) -> list[str]:
    return list(stray_marks([Line(f"a_{number}", "MARA", text) for number, text in enumerate(texts)]))


@pytest.mark.parametrize(
    "text", ["(whispering) Who goes there?", "Who goes there? (laughs)", "[sighs] No.", "(sighs)", '"(beat) No."']
)
def test_a_text_with_a_direction_at_either_end_is_named(text: str) -> None:
    assert told("Hello.", text) == [
        "spoken as it stands: parentheses at either end, in a_1; a direction has a column of its own"
    ]


@pytest.mark.parametrize("text", ["<i>Never</i>", "Line one<br/>line two", "Well met, {player_name}."])
def test_a_text_with_markup_or_a_placeholder_is_named(text: str) -> None:
    assert told(text) == ["spoken as it stands: markup or a placeholder, in a_0"]


@pytest.mark.parametrize(
    "text", ["Four (or five) men.", "I <3 you.", "Wait. [pause 1.5s] Now.", "[pause] Now. <#0.5#>"]
)
def test_what_is_meant_to_be_spoken_or_is_a_pause_is_not_named(text: str) -> None:
    assert told(text) == []


def test_of_many_lines_the_first_are_named() -> None:
    (note,) = told(*["(beat) No."] * 7)
    assert "in a_0, a_1, a_2, a_3, a_4 and 2 more;" in note
