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
