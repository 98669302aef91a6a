import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.db.ids import new_id
from pipeline.voices.rules import (
    LABEL_LIMIT,
    TOKEN_LENGTH,
    attempt_label,
    cloned_key,
    designed_key,
    subject,
    system_key,
)


@given(st.text(max_size=200))
def test_a_label_fits_the_provider_and_ends_in_its_attempts_token(name: str) -> None:
    attempt = new_id("try")
    label = attempt_label(name, attempt)
    assert len(label) <= LABEL_LIMIT
    assert label.endswith(f"~{attempt[-TOKEN_LENGTH:]}")
    assert label.startswith(name[: LABEL_LIMIT - TOKEN_LENGTH - 1])


def test_two_attempts_at_one_voice_have_two_labels() -> None:
    assert attempt_label("mara", new_id("try")) != attempt_label("mara", new_id("try"))


def test_the_key_of_a_voice_says_what_it_is_made_of() -> None:
    assert subject(cloned_key("ab" * 32)) == "ab" * 32
    assert system_key("narrator") == "system:narrator"
    assert len(subject(designed_key("A knight.", None, None))) == 64


@pytest.mark.parametrize(
    "other", [("A knight", None, None), ("A knight.", "male", None), ("A knight.", None, "elderly")]
)
def test_another_description_is_another_voice(other: tuple[str, str | None, str | None]) -> None:
    assert designed_key(*other) != designed_key("A knight.", None, None)
    assert designed_key(*other) == designed_key(*other)


def test_gender_and_age_are_not_taken_for_each_other() -> None:
    assert designed_key("A voice.", "young", None) != designed_key("A voice.", None, "young")
