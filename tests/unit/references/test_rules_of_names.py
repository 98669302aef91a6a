"""One talent is one talent, however its name is typed."""

import pytest

from pipeline.references.rules import talent_key


@pytest.mark.parametrize(
    "typed",
    ["Zoë Straße", "zoe\u0308  STRASSE", " Zoë\tStraße ", "ZOË STRASSE", "Zoë\u00a0straße", "ZOE\u0308 Stra\u1e9ee"],
)
def test_a_name_is_the_same_in_any_case_spacing_and_composition(typed: str) -> None:
    assert talent_key(typed) == talent_key("Zoë Straße")


def test_other_names_are_others() -> None:
    assert talent_key("Zoe Strasse") != talent_key("Zoë Strasse")


def test_no_name_outgrows_its_column_by_folding() -> None:
    assert len(talent_key("\u0390" * 200)) <= 600
