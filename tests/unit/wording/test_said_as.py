import pytest

from pipeline.wording import said_as


@pytest.mark.parametrize(
    ("kind", "text", "form", "said"),
    [
        ("characters", "W3C", "", "W three C"),
        ("spell-out", "é-a", "", "é a"),
        ("digits", "01 23", "", "zero one two three"),
        ("cardinal", "1,204", "", "one thousand two hundred four"),
        ("number", "-7", "", "minus seven"),
        ("ordinal", "21st", "", "twenty first"),
        ("date", "2026-03-31", "", "March thirty first, twenty twenty six"),
        ("date", "31.3.2026", "dmy", "March thirty first, twenty twenty six"),
        ("date", "3/31/2026", "mdy", "March thirty first, twenty twenty six"),
    ],
)
def test_a_text_is_said_as_what_its_author_says_it_is(kind: str, text: str, form: str, said: str) -> None:
    assert said_as(kind, text, form) == said


@pytest.mark.parametrize(
    ("kind", "text", "form"),
    [
        ("characters", "!", ""),
        ("digits", "abc", ""),
        ("cardinal", "12.5", ""),
        ("cardinal", "1" * 16, ""),
        ("ordinal", "-1", ""),
        ("date", "2026-13-01", ""),
        ("date", "2026-03-31", "ydm"),
    ],
)
def test_what_is_nothing_of_the_kind_is_refused(kind: str, text: str, form: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason says
        said_as(kind, text, form)
