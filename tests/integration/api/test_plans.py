import base64
import json

import pytest

from tests.integration.api.callers import CAST, FILES, LINES, Caller, error, rows, sha256
from tests.support.stage import Stage


def changed(*, cast: str = CAST, lines: str = LINES) -> dict[str, bytes]:
    return {**FILES, "cast.yaml": cast.encode(), "lines.csv": lines.encode()}


def test_a_plan_says_what_would_be_made_why_and_for_how_much(studio: Caller) -> None:
    plan = studio.plan().json()
    assert (plan["production"], plan["provider"]) == ("game", "stage")
    assert [(line["line_id"], line["reason"]) for line in plan["lines"]] == [
        ("open_1", "new"),
        ("open_2", "new"),
        ("open_3", "shared"),
    ]
    assert plan["totals"]["total_micros"] == sum(item["price"] for item in [*plan["voices"], *plan["lines"]]) > 0
    assert len(plan["digest"]) == 64


def test_a_plan_writes_nothing_and_calls_nobody(studio: Caller, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.messages.lose_all()
    before = rows(stage.database)
    for method in ("prices", "limits", "account", "system_voices"):
        monkeypatch.delattr(type(stage.provider), method)
    assert studio.plan().status_code == 200
    assert rows(stage.database) == before
    assert not stage.provider.voice_calls
    assert not stage.provider.speech_calls
    assert not stage.messages.waiting
    assert not list(stage.store.list("submissions/"))


def test_the_same_plan_has_the_same_digest_and_another_one_another(studio: Caller) -> None:
    again = {studio.plan().json()["digest"] for _ in range(2)}
    other = studio.plan(changed(lines=LINES.replace("Nobody.", "Me."))).json()["digest"]
    assert len(again) == 1
    assert other not in again


@pytest.mark.parametrize("document", ["%%%", "YQ", "Größe", "YQ==\n!"])
def test_a_document_that_is_not_base64_is_named(studio: Caller, document: str) -> None:
    answer = studio.plan(documents={"cast.yaml": document})
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert "cast.yaml" in error(answer)["message"]


@pytest.mark.parametrize("missing", ["cast.yaml", "lines.csv"])
def test_a_document_that_is_missing_is_a_problem_of_the_sheet(studio: Caller, missing: str) -> None:
    answer = studio.plan({path: body for path, body in FILES.items() if path != missing})
    assert (answer.status_code, error(answer)["code"]) == (422, "invalid_sheet")
    assert missing in str(error(answer)["problems"])


def test_a_recording_that_is_missing_is_named(studio: Caller) -> None:
    answer = studio.plan(references={})
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert "references/mara.wav" in error(answer)["message"]


def test_a_bad_sheet_lists_every_problem_at_its_place(studio: Caller) -> None:
    bad = "id,character,text\na_1,MARA,Fine.\na_1,MARA,Twice.\na/2,MARA,Slash.\na_3,MARRA,Who?\n"
    answer = studio.plan(changed(lines=bad))
    assert (answer.status_code, error(answer)["code"]) == (422, "invalid_sheet")
    problems = error(answer)["problems"]
    assert [problem["file"] for problem in problems] == ["lines.csv"] * 3
    assert all(problem["place"] and problem["message"] for problem in problems)


@pytest.mark.parametrize(
    ("consent", "field"),
    [
        ("", "talents.mara.consent"),
        ("    consent: {synthetic: true}\n", "talents.mara.consent.statement"),
        (
            "    consent: {granted_by: M, granted_on: 2026-01-01, statement: Yes., expires_on: 2026-01-02}\n",
            "expires_on",
        ),
        (
            "    consent: {synthetic: true, statement: Yes., scope: {productions: [another]}}\n",
            "talents.mara.consent.scope.productions",
        ),
    ],
)
def test_without_consent_there_is_no_plan_and_the_missing_field_is_named(
    studio: Caller, consent: str, field: str
) -> None:
    given = "    consent: {synthetic: true, statement: Nobody's voice.}\n"
    answer = studio.plan(changed(cast=CAST.replace(given, consent)))
    assert (answer.status_code, error(answer)["code"]) == (403, "consent_required")
    assert field in error(answer)["fields"][0]


@pytest.mark.parametrize(
    ("cast", "place"),
    [
        (CAST.replace("stage-hd", "no-such-model"), "model is 'no-such-model'; allowed: stage-hd, stage-fast"),
        (CAST.replace("format: wav", "format: pcm"), "format is 'pcm'; allowed: wav, mp3"),
        (CAST.replace("{system: narrator}}", "{system: narrator}, model: tiny}"), "characters.HERALD.model is 'tiny'"),
    ],
)
def test_what_the_provider_does_not_sell_is_refused_with_what_it_sells(studio: Caller, cast: str, place: str) -> None:
    answer = studio.plan(changed(cast=cast))
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert place in error(answer)["message"]


def test_every_document_may_be_in_its_own_encoding(studio: Caller) -> None:
    lines = {**FILES, "lines.csv": "id,character,text\na_1,HERALD,Grüße\n".encode("cp1252")}
    assert studio.plan(lines).status_code == 200


def test_a_plan_needs_no_upload(studio: Caller) -> None:
    assert studio.plan(references={"references/mara.wav": sha256(b"never uploaded")}).status_code == 200


LONG = "id,character,text\n" + "".join(f"a_{n},HERALD,Number {n}.\n" for n in range(5))


def test_large_documents_are_named_by_hash_and_read_from_the_bucket(studio: Caller) -> None:
    inline = studio.plan().json()
    studio.upload()
    files = {path: sha256(body) for path, body in FILES.items() if path.endswith((".yaml", ".csv"))}
    references = {"references/mara.wav": sha256(b"mara")}
    body = {"project": "cast.yaml", "files": files, "references": references}
    assert studio.post("/v1/plans", body).json() == inline


def test_a_document_that_was_not_uploaded_is_a_problem_of_the_sheet(studio: Caller) -> None:
    answer = studio.post("/v1/plans", {"project": "cast.yaml", "files": {"cast.yaml": sha256(b"nowhere")}})
    assert (answer.status_code, error(answer)["code"]) == (422, "invalid_sheet")


def test_a_long_plan_shows_its_beginning_and_counts_the_rest(studio: Caller) -> None:
    plan = studio.plan(changed(lines=LONG), limit=2).json()
    assert [line["line_id"] for line in plan["lines"]] == ["a_0", "a_1"]
    assert (plan["has_more"], plan["by_reason"], plan["totals"]["lines"]) == (True, {"new": 5}, 5)
    assert not studio.plan(changed(lines=LONG), limit=5).json()["has_more"]


def test_every_line_of_a_plan_is_a_row(studio: Caller, stage: Stage) -> None:
    studio.started()
    stage.work()
    kept = LINES.splitlines()[1]
    shorter = changed(lines=f"id,character,text\n{kept}\na_9,HERALD,More.\n")
    documents = {path: base64.b64encode(body).decode() for path, body in shorter.items()}
    references = {"references/mara.wav": sha256(b"mara")}
    body = {"project": "cast.yaml", "documents": documents, "references": references}
    head, *rows = [json.loads(row) for row in studio.post("/v1/plans/lines", body).text.splitlines()]
    assert head["digest"] == studio.plan(shorter).json()["digest"]
    assert [(row["line_id"], row["reason"]) for row in rows[:2]] == [("open_1", "reused"), ("a_9", "new")]
    assert rows[2:] == [{"removed": "open_2"}, {"removed": "open_3"}]


def test_one_line_is_explained(studio: Caller) -> None:
    told = studio.plan(path="/explain", line="open_3").json()
    assert (told["reason"], told["shares_with"], told["before"]) == ("shared", "open_2", None)
    unknown = studio.plan(path="/explain", line="open_9")
    assert (unknown.status_code, error(unknown)["code"]) == (400, "invalid_request")


def test_what_is_selected_is_planned_and_a_slip_of_the_pen_is_refused(studio: Caller) -> None:
    lines = studio.plan(only=["character:MARA"]).json()["lines"]
    assert [line["reason"] for line in lines] == ["new", "left out", "left out"]
    refused = studio.plan(only=["character:MARRA"])
    assert (refused.status_code, error(refused)["hint"]) == (400, "Did you mean MARA?")
