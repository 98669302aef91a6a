import pytest
from sqlalchemy import update

from pipeline.db.clock import now_ms
from pipeline.ledger.models import ApiKey
from tests.integration.api.callers import Caller, error
from tests.support.stage import Stage

SCOPED = (
    ("POST", "/v1/uploads"),
    ("GET", "/v1/music"),
    ("PUT", "/v1/music/{name}"),
    ("DELETE", "/v1/music/{name}"),
    ("POST", "/v1/plans"),
    ("POST", "/v1/plans/lines"),
    ("POST", "/v1/plans/explain"),
    ("POST", "/v1/says/plan"),
    ("POST", "/v1/says"),
    ("POST", "/v1/runs"),
    ("GET", "/v1/runs"),
    ("GET", "/v1/runs/latest"),
    ("GET", "/v1/runs/latest/events"),
    ("POST", "/v1/runs/latest/pause"),
    ("POST", "/v1/runs/latest/resume"),
    ("POST", "/v1/runs/latest/cancel"),
    ("POST", "/v1/runs/latest/retry"),
    ("POST", "/v1/runs/latest/retry/plan"),
    ("GET", "/v1/productions"),
    ("GET", "/v1/productions/game/lines"),
    ("GET", "/v1/productions/game/pack"),
    ("GET", "/v1/productions/game/takes"),
    ("GET", "/v1/productions/game/review"),
    ("POST", "/v1/productions/game/retakes"),
    ("POST", "/v1/productions/game/retakes/plan"),
    ("POST", "/v1/productions/game/choices"),
    ("POST", "/v1/productions/game/verdicts"),
    ("POST", "/v1/productions/game/locks"),
    ("POST", "/v1/productions/game/unlocks"),
    ("GET", "/v1/voices"),
    ("GET", "/v1/voices/{name}"),
    ("GET", "/v1/system-voices"),
    ("GET", "/v1/talents"),
    ("GET", "/v1/talents/game"),
    ("GET", "/v1/talents/game/lines"),
    ("POST", "/v1/talents/game/suspend"),
    ("POST", "/v1/talents/game/reinstate"),
    ("GET", "/v1/ledger"),
    ("GET", "/v1/ledger/statement"),
    ("POST", "/v1/ledger/{transfer}/refunds"),
    ("GET", "/v1/caps"),
    ("PUT", "/v1/caps/account"),
    ("PUT", "/v1/caps/productions/game"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/reconcile"),
    ("GET", "/v1/reconcile/decisions"),
    ("POST", "/v1/reconcile/{subject}"),
)


def test_the_list_of_routes_here_is_whole(stranger: Caller) -> None:
    paths = stranger.get("/openapi.json").json()["paths"]
    known = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    named = {path.replace("game", "{name}").replace("latest", "{run_id}") for _, path in SCOPED}
    assert {path for _, path in known} == named | {"/v1/health"}
    assert len(known) == len(SCOPED) + 1


@pytest.mark.parametrize(("method", "path"), SCOPED)
def test_no_route_of_an_account_answers_without_a_key(stranger: Caller, method: str, path: str) -> None:
    answer = stranger.send(method, path, json={})
    assert answer.status_code == 401
    assert error(answer)["code"] == "unauthorised"


def test_a_missing_a_wrong_and_a_revoked_key_get_the_same_answer(
    stage: Stage, studio: Caller, stranger: Caller
) -> None:
    assert studio.key
    assert studio.get("/v1/runs").status_code == 200
    with stage.database.write() as session:
        session.execute(update(ApiKey).values(revoked_at=now_ms()))
    tampered = studio.key[:-1] + ("0" if studio.key[-1] != "0" else "1")
    headers = [
        {},
        {"Authorization": f"Bearer {studio.key}"},
        {"Authorization": f"Bearer {tampered}"},
        {"Authorization": "Bearer cs_deadbeef_00_00000000"},
        {"Authorization": "Bearer _"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {studio.key}"},
        {"Authorization": b"Bearer cs_\xff\xfe_\x80_00000000"},
    ]
    answers = [stranger.send("GET", "/v1/runs", headers=given) for given in headers]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


def test_whether_the_api_answers_is_told_to_anybody(stranger: Caller) -> None:
    assert stranger.get("/v1/health").json() == {"status": "ok", "provider": "stage"}
