"""One voice: by any of its names, with its permission, what it was made of, what it has spoken, and its first words."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE
from tests.integration.api.callers import FILES, Caller, error, sha256
from tests.support.stage import Stage

READY = {**FILES, "references/mara.wav": b"mara"}


@pytest.fixture
def cast(studio: Caller, stage: Stage) -> Caller:
    """An account whose voices are made and have spoken."""
    studio.started(READY)
    stage.settle_down(4)
    return studio


def test_a_voice_is_shown_with_all_that_is_known_of_it(cast: Caller) -> None:
    shown = cast.get("/v1/voices/mara").json()
    assert (shown["label"], shown["kind"], shown["state"]) == ("mara", "cloned", "ready")
    assert (shown["consent"]["talent"], shown["consent"]["synthetic"]) == ("mara", True)
    assert len(shown["consent"]["sha256"]) == 64
    assert shown["reference"]["sha256"] == sha256(READY["references/mara.wav"])
    assert shown["audition"]["text"] == ACTIVATION_LINE
    assert shown["audition"]["url"]
    assert shown["reference"]["url"]
    assert [(one["production"], one["takes"]) for one in shown["spoken"]] == [("game", 1)]
    assert "object_key" not in shown["reference"] | shown["audition"]


def test_it_is_found_by_its_id_its_label_and_the_providers_id(cast: Caller) -> None:
    shown = cast.get("/v1/voices/mara").json()
    assert {cast.get(f"/v1/voices/{shown[name]}").json()["id"] for name in ("id", "label", "voice_id")} == {shown["id"]}


def test_a_voice_of_the_providers_own_has_no_first_words(cast: Caller) -> None:
    shown = cast.get("/v1/voices/narrator").json()
    assert (shown["kind"], shown["reference"], shown["consent"], shown["audition"]) == ("system", None, None, None)


def test_two_voices_of_one_name_are_told_apart_by_their_ids(cast: Caller, stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Voice).values(label="twin"))
        ids = session.scalars(select(Voice.id).order_by(Voice.id)).all()
    answer = cast.get("/v1/voices/twin")
    assert (answer.status_code, error(answer)["code"]) == (409, "conflict")
    assert error(answer)["voices"] == ids


def test_a_foreign_voice_is_as_unknown_as_one_that_never_was(cast: Caller, caller: Callable[[], Caller]) -> None:
    other = caller()
    assert cast.get("/v1/voices/mara").status_code == 200
    foreign, unknown = other.get("/v1/voices/mara"), other.get("/v1/voices/none")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.text.replace("mara", "none") == unknown.text
