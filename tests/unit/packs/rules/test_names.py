import pytest

from pipeline.errors import UsageError
from pipeline.intake.rules import Refusal
from pipeline.packs.rules import NameTemplate, collision_key

VALUES = {"lang": "en", "character": "MARA", "line_id": "a_1", "ext": "wav", "take": "t", "production": "game"}


def test_a_template_is_filled_in_with_what_a_line_is() -> None:
    template = NameTemplate("VO/{lang}/{character}/{production}_{line_id}.{ext}")
    assert template.path(VALUES) == "VO/en/MARA/game_a_1.wav"


def test_a_column_of_the_sheet_is_a_field_whatever_its_case() -> None:
    assert NameTemplate("{scene}/{line_id}.{ext}").path({**VALUES, "Scene": "Quay 3"}) == "Quay 3/a_1.wav"


def test_values_are_made_fit_for_the_engine_but_the_language_and_what_the_template_says_are_not() -> None:
    template = NameTemplate("My VO/{lang}/{character}.{ext}")
    cleaned = template.path({**VALUES, "lang": "pt-BR", "character": "Mr. X"}, lambda value: value.replace(".", "_"))
    assert cleaned == "My VO/pt-BR/Mr_ X.wav"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{line_id}", "{line_id}.wav", ".{ext}", "/{line_id}.{ext}", "{lang}//{line_id}.{ext}", "{.{ext}"),
        *("{}/{line_id}.{ext}", "{line_id!r}.{ext}", "{line_id:>9}.{ext}"),
    ],
)
def test_what_is_no_template_is_refused_with_the_fields_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="no template") as refused:
        NameTemplate(text)
    assert "{line_id}" in refused.value.hint


@pytest.mark.parametrize("name", ["..", ".x", "a/b", "a\\b", "C:", "con", "CON.x", "a\x00", "x" * 300, " ", "ends. "])
def test_a_value_that_no_file_system_takes_is_refused(name: str) -> None:
    with pytest.raises(Refusal):
        NameTemplate("{character}/{line_id}.{ext}").path({**VALUES, "character": name})


def test_a_template_may_not_leave_the_folder() -> None:
    with pytest.raises(Refusal):
        NameTemplate("../{line_id}.{ext}").path(VALUES)


def test_a_line_without_what_its_name_needs_is_refused_by_the_fields_name() -> None:
    with pytest.raises(Refusal, match="DialogueGuid"):
        NameTemplate("{DialogueGuid}.{ext}").path(VALUES)


def test_the_home_of_a_language_ends_where_lines_begin_to_differ() -> None:
    assert NameTemplate("Voices/{lang}/{character}/{line_id}.{ext}").home("de") == "Voices/de"
    assert NameTemplate("{lang}/{line_id}.{ext}").home("de") == "de"
    assert NameTemplate("{lang}_{line_id}.{ext}").home("de") == ""


def test_paths_that_differ_by_case_or_by_how_a_letter_is_composed_are_one() -> None:
    assert collision_key("en/MARA/A_1.wav") == collision_key("en/mara/a_1.WAV")
    assert collision_key("cafe\u0301.wav") == collision_key("caf\u00e9.wav")
