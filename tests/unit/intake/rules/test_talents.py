from datetime import date
from typing import Any

import pytest

from pipeline.intake.rules import Consent, Scope, Talent, missing_consent

TODAY = date(2026, 3, 1)
WHOLE = {"granted_by": "Mara Quill", "granted_on": date(2026, 1, 31), "statement": "I allow it."}


def judged(consent: Consent | None, **use: str) -> str | None:
    talent = Talent(key="mara", name="Mara", reference="mara.mp3", consent=consent)
    where = {"production": "harbour", "language": "en-GB"} | use
    return missing_consent(talent, where["production"], where["language"], TODAY, character=use.get("character"))


def test_a_whole_record_without_limits_permits_everything() -> None:
    assert judged(Consent(**WHOLE)) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"granted_by": None}, "consent.granted_by"),
        ({"granted_by": " "}, "consent.granted_by"),
        ({"granted_on": None}, "consent.granted_on"),
        ({"granted_on": date(2026, 3, 2)}, "consent.granted_on"),
        ({"statement": None}, "consent.statement"),
        ({"statement": "\n"}, "consent.statement"),
        ({"scope": Scope(productions=("other",))}, "consent.scope.productions"),
        ({"scope": Scope(languages=("de",))}, "consent.scope.languages"),
        ({"scope": Scope(languages=("en-US",))}, "consent.scope.languages"),
        ({"expires_on": date(2026, 2, 28)}, "consent.expires_on"),
    ],
)
def test_the_field_that_forbids_the_use_is_named(change: dict[str, Any], field: str) -> None:
    assert judged(Consent(**(WHOLE | change))) == field


@pytest.mark.parametrize(
    "change",
    [
        {"granted_on": TODAY},
        {"expires_on": TODAY},
        {"scope": Scope(productions=("other", "harbour"), languages=("en",))},
        {"scope": Scope(languages=("EN-gb",))},
    ],
)
def test_a_record_that_covers_the_use_permits_it(change: dict[str, Any]) -> None:
    assert judged(Consent(**(WHOLE | change))) is None


def test_no_record_is_no_consent() -> None:
    assert judged(None) == "consent"


def test_a_made_up_voice_needs_a_statement_and_nobodys_name() -> None:
    assert judged(Consent(synthetic=True)) == "consent.statement"
    assert judged(Consent(synthetic=True, statement="Made by an engine.")) is None


def test_the_limits_of_a_made_up_voice_hold_too() -> None:
    consent = Consent(synthetic=True, statement="Made by an engine.", scope=Scope(productions=("demo",)))
    assert judged(consent) == "consent.scope.productions"


def test_characters_of_the_scope_are_judged_for_a_line_and_not_for_a_clone() -> None:
    consent = Consent(**WHOLE, scope=Scope(characters=("MARA",)))
    assert judged(consent) is None
    assert judged(consent, character="MARA") is None
    assert judged(consent, character="HERALD") == "consent.scope.characters"


def test_a_record_survives_being_stored_as_json() -> None:
    consent = Consent(**WHOLE, scope=Scope(languages=("en",)), expires_on=date(2027, 1, 1), evidence="ab" * 32)
    assert Consent.model_validate_json(consent.model_dump_json()) == consent
