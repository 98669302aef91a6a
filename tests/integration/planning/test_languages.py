"""One line in several languages: planned, paid and spoken each by itself."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.errors import ConsentRequired
from pipeline.intake.rules import ClonedFrom, Lexicon, Line, Pronunciation, SystemVoice, Talent
from pipeline.intake.rules.talents import Scope
from pipeline.planning import service as planning
from pipeline.planning.rules import Reason
from pipeline.references import service as references
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind
from pipeline.voices.models import Voice
from tests.integration.planning.plans import apply, plan, reasons
from tests.integration.planning.retakes import retake
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.stage import Stage

GERMAN: dict[str, Any] = {"voices": {"de": SystemVoice("sprecherin")}}
LINES = (
    Line("a1", "mara", "Hello there."),
    Line("a1@de", "mara", "Hallo zusammen."),
    Line("a2", "mara", "Good bye."),
    Line("a2@de", "mara", "Auf Wiedersehen."),
)
LANGUAGES: dict[str, Any] = {"languages": ("en", "de"), "translated": {"de": frozenset({"mara"})}}


def submission(*lines: Line, selected: tuple[str, ...] = (), **change: Any) -> planning.Submission:
    sheet = replace(Sheet().cloned("mara", **GERMAN), lines=lines or LINES)
    whole = sheet.submission(**{**LANGUAGES, **change})
    selection = planning.Selection.of(selected, whole.project)
    return planning.Submission(whole.project, whole.references, selection)


def test_each_language_is_spoken_by_its_own_voice_and_known_by_its_own_key(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, submission())
    assert reasons(planned) == dict.fromkeys(("a1", "a1@de", "a2", "a2@de"), Reason.NEW)
    assert {language: total.lines_to_speak for language, total in planned.by_language().items()} == {"en": 2, "de": 2}
    apply(stage, owner, submission(), agreed=planned.digest())
    stage.settle_down(4)
    with stage.database.read() as session:
        spoken = select(Take.text, Take.language, Voice.label).join(Voice, Voice.id == Take.voice_id)
        found = {row[0]: row[1:] for row in session.execute(spoken.where(Take.kind == TakeKind.LINE))}
    assert found == {
        "Hello there.": ("en", "mara"),
        "Good bye.": ("en", "mara"),
        "Hallo zusammen.": ("de", "sprecherin"),
        "Auf Wiedersehen.": ("de", "sprecherin"),
    }
    assert set(reasons(plan(stage, owner, submission())).values()) == {Reason.REUSED}


@on_sqlite
def test_a_changed_translation_makes_that_translation_alone(stage: Stage, owner: str) -> None:
    apply(stage, owner, submission())
    stage.settle_down(4)
    changed = (*LINES[:3], LINES[3]._replace(text="Lebt wohl."))
    told = reasons(plan(stage, owner, submission(*changed)))
    assert {line_id for line_id, reason in told.items() if reason is not Reason.REUSED} == {"a2@de"}


@on_sqlite
def test_adding_a_language_renames_and_repeats_nothing(stage: Stage, owner: str) -> None:
    apply(stage, owner, submission(LINES[0], LINES[2], languages=("en",), translated={}))
    stage.settle_down(4)
    planned = plan(stage, owner, submission())
    assert reasons(planned) == {"a1": "reused", "a1@de": "new", "a2": "reused", "a2@de": "new"}
    assert not planned.removed


@on_sqlite
def test_a_language_can_be_selected(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, submission(selected=("lang:de",)))
    assert {line_id for line_id, reason in reasons(planned).items() if reason is Reason.NEW} == {"a1@de", "a2@de"}
    assert {voice.kind: voice.reason for voice in planned.voices} == {"cloned": Reason.LEFT_OUT, "system": Reason.NEW}
    apply(stage, owner, submission(selected=("lang:de",)))
    stage.settle_down(2)
    assert sorted(stage.provider.spoken) == ["Auf Wiedersehen.", "Hallo zusammen."]


@on_sqlite
def test_the_lexicon_goes_by_the_language_of_the_line(stage: Stage, owner: str) -> None:
    words = Lexicon((Pronunciation("Mara", "MAH-ra", languages=("de",)),))
    lines = (Line("a1", "mara", "I am Mara."), Line("a1@de", "mara", "Ich bin Mara."))
    apply(stage, owner, submission(*lines, lexicon=words))
    stage.settle_down(4)
    assert {"I am Mara.", "Ich bin MAH-ra."} <= set(stage.provider.spoken)


def allowed_in(*languages: str, name: str = "mara") -> Talent:
    return factories.talent(name, synthetic=True, statement="Yes.", scope=Scope(languages=languages))


@on_sqlite
def test_consent_is_asked_for_each_language_that_a_talent_speaks(stage: Stage, owner: str) -> None:
    sheet = replace(Sheet().cloned("mara", consent=allowed_in("en")), lines=LINES)
    with pytest.raises(ConsentRequired) as refused:
        plan(stage, owner, sheet.submission(**LANGUAGES))
    assert refused.value.data["fields"] == ["talents.mara.consent.scope.languages"]
    assert "consent.scope.languages (mara in de)" in refused.value.message
    both = replace(Sheet().cloned("mara", consent=allowed_in("en", "de")), lines=LINES)
    assert plan(stage, owner, both.submission(**LANGUAGES)).price
    elsewhere = replace(Sheet().cloned("mara", consent=allowed_in("en"), **GERMAN), lines=LINES)
    assert plan(stage, owner, elsewhere.submission(**LANGUAGES)).price, "another voice speaks German"


def widened(stage: Stage, owner: str) -> set[str]:
    """Speak in English under a consent to English, then in both languages under one to both; return what was spoken."""
    english = replace(Sheet().cloned("mara", consent=allowed_in("en")), lines=(LINES[0], LINES[2]))
    apply(stage, owner, english.submission())
    stage.settle_down(4)
    both = replace(Sheet().cloned("mara", consent=allowed_in("en", "de")), lines=LINES)
    apply(stage, owner, both.submission(**LANGUAGES))
    stage.settle_down(4)
    return {"Hallo zusammen.", "Auf Wiedersehen."} & set(stage.provider.spoken)


def test_a_consent_that_was_widened_holds_for_a_voice_that_was_made_before(stage: Stage, owner: str) -> None:
    assert widened(stage, owner) == {"Hallo zusammen.", "Auf Wiedersehen."}
    assert len(stage.provider.voice_calls) == 1, "nothing is cloned again"


@on_sqlite
def test_control_a_voice_that_keeps_its_first_consent_speaks_no_new_language(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.voices.service.renew_consent", lambda *_: None)
    assert widened(stage, owner) == set()


@on_sqlite
def test_a_suspended_talents_voice_keeps_its_consent_under_whatever_name_it_is_cast(stage: Stage, owner: str) -> None:
    sheet = replace(Sheet().cloned("mara", consent=allowed_in("en")), lines=(LINES[0],))
    apply(stage, owner, sheet.submission())
    stage.settle_down(4)
    with stage.edge.write() as session:
        references.suspend(session, owner, "mara", by="operator", reason="her agent called")
        first = session.scalars(select(Voice.consent_id)).one()
    renamed = replace(allowed_in("en"), name="Somebody Else")
    apply(stage, owner, replace(Sheet().cloned("mara", consent=renamed), lines=(LINES[0],)).submission())
    with stage.database.read() as session:
        assert session.scalars(select(Voice.consent_id)).one() == first


@on_sqlite
def test_a_voice_that_is_being_made_keeps_the_consent_that_it_was_begun_under(stage: Stage, owner: str) -> None:
    sheet = replace(Sheet().cloned("mara", consent=allowed_in("en")), lines=(LINES[0],))
    apply(stage, owner, sheet.submission())
    with stage.database.read() as session:
        begun = session.scalars(select(Voice.consent_id)).one()
    elsewhere = replace(Sheet().cloned("mara", consent=allowed_in("en", "de")), lines=(LINES[0],))
    apply(stage, owner, elsewhere.submission(production="other"))
    with stage.database.read() as session:
        assert session.scalars(select(Voice.consent_id)).one() == begun


def in_german(otto: Talent) -> planning.Submission:
    """Mara as the clone of another talent in German."""
    sheet = Sheet().cloned("mara", voices={"de": ClonedFrom("otto")})
    return replace(sheet, lines=LINES, talents={**sheet.talents, "otto": otto}).submission(**LANGUAGES)


@on_sqlite
def test_a_talent_who_allows_another_language_than_the_source_is_cloned_and_speaks(stage: Stage, owner: str) -> None:
    apply(stage, owner, in_german(allowed_in("de", name="otto")))
    stage.settle_down(6)
    assert {"Hallo zusammen.", "Hello there."} <= set(stage.provider.spoken)


@on_sqlite
def test_a_voice_of_a_language_without_lines_is_not_made(stage: Stage, owner: str) -> None:
    whole = in_german(allowed_in("de", name="otto"))
    english = replace(whole.project, lines=(LINES[0], LINES[2]), translated={})
    planned = plan(stage, owner, replace(whole, project=english))
    assert [voice.source for voice in planned.voices] == ["references/mara.wav"]


@on_sqlite
def test_a_retake_is_in_the_language_of_its_line(stage: Stage, owner: str) -> None:
    apply(stage, owner, in_german(allowed_in("de", name="otto")))
    stage.settle_down(6)
    retake(stage, owner, "a1@de")
    stage.settle_down(4)
    with stage.database.read() as session:
        again = select(Take.language, Take.text).where(Take.alternative_of.is_not(None))
        assert session.execute(again).all() == [("de", "Hallo zusammen.")]


@on_sqlite
def test_another_part_of_a_recording_is_another_voice(stage: Stage, owner: str) -> None:
    whole = Sheet().cloned("mara").says("mara", "Halt!").submission()
    mara = whole.project.talents["mara"]

    def key(trim: tuple[float, float] | None) -> str:
        talents = {"mara": replace(mara, trim=trim)}
        return plan(stage, owner, replace(whole, project=replace(whole.project, talents=talents))).voices[0].key

    assert key(None) == f"clone:{factories.sha256('mara')}"
    assert len({key(None), key((0.0, 60.0)), key((0.0, 60.5)), key((0.0, 60.0))}) == 3
