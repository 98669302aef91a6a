"""A word said once, to hear it: by the same safe path as any line, and part of no sheet."""

import base64

import pytest

from tests.integration.api.callers import CAST, FILES, RECORDINGS, Caller, Json, error, rows, sha256
from tests.support.databases import on_sqlite
from tests.support.stage import Stage

SAYS = {
    **FILES,
    "cast.yaml": f"{CAST}languages: [en, de]\nlexicon:\n  Xalthar: {{say: ZAL-thar, characters: [HERALD]}}\n".encode(),
}
WISH = {"text": "Xalthar", "character": "HERALD"}


def plan(studio: Caller, **change: object) -> Json:
    documents = {path: base64.b64encode(body).decode() for path, body in SAYS.items() if path not in RECORDINGS}
    references = {path: sha256(SAYS[path]) for path in RECORDINGS}
    body = {"project": "cast.yaml", "documents": documents, "references": references, **WISH, **change}
    answer = studio.post("/v1/says/plan", body)
    told: Json = answer.json() if answer.is_success else error(answer)
    return told


def say(studio: Caller, **change: object) -> Json:
    studio.upload(SAYS)
    files = {path: sha256(body) for path, body in SAYS.items()}
    answer = studio.post("/v1/says", {"project": "cast.yaml", "files": files, **WISH, **change})
    told: Json = answer.json() if answer.is_success else error(answer)
    return told


def test_a_word_is_said_as_the_lexicon_has_it_paid_once_and_heard_again_for_nothing(
    studio: Caller, stage: Stage
) -> None:
    shown = plan(studio)
    assert (shown["said"], shown["take"], shown["language"]) == ("ZAL-thar", None, "en")
    assert shown["total_micros"] > 0
    run = say(studio, agreed=shown["digest"])
    stage.settle_down(3)
    status = studio.get(f"/v1/runs/{run['id']}").json()
    assert (status["state"], status["spent_micros"]) == ("done", shown["total_micros"])
    assert stage.provider.spoken == ["ZAL-thar"]

    again = plan(studio)
    assert (again["total_micros"], again["reason"]) == (0, "reused")
    assert sha256(stage.store.fetch(again["take"]["url"])[0]) == again["take"]["sha256"]
    say(studio)
    stage.settle_down(2)
    assert stage.provider.spoken == ["ZAL-thar"], "nothing is spoken twice"
    assert studio.get("/v1/productions/game/lines").json()["data"] == []


@on_sqlite
def test_a_production_keeps_its_lines_when_a_word_is_said(studio: Caller, stage: Stage) -> None:
    studio.started(SAYS)
    stage.settle_down(3)
    before = studio.get("/v1/productions/game/lines").json()["data"]
    say(studio, language="de")
    stage.settle_down(3)
    after = studio.get("/v1/productions/game/lines").json()["data"]
    assert [line["id"] for line in after] == [line["id"] for line in before]
    assert [(row["name"], row["language"]) for row in studio.get("/v1/productions").json()["data"]] == [("game", "en")]


@on_sqlite
def test_a_plan_of_a_word_writes_nothing(studio: Caller, stage: Stage) -> None:
    before = rows(stage.database)
    assert plan(studio)["total_micros"]
    assert rows(stage.database) == before


@on_sqlite
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"character": "HERLAD"}, "Did you mean HERALD?"),
        ({"language": "fr"}, "en, de"),
        ({"text": "..."}, "Write a word"),
        ({"text": "a\u0007"}, "Delete it"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_can(studio: Caller, change: Json, told: str) -> None:
    refused = plan(studio, **change)
    assert refused["code"] == "invalid_request"
    assert told in refused["hint"]


@on_sqlite
def test_another_price_than_agreed_starts_nothing(studio: Caller, stage: Stage) -> None:
    assert say(studio, agreed="0" * 64)["code"] == "conflict"
    assert say(studio, budget_micros=1)["code"] == "budget_exceeded"
    assert rows(stage.database)["runs"] == 0
