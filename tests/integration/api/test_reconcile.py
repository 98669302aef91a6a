"""What the API tells of unclear paid calls, and how a decision gets in."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.provider.errors import Ambiguous, Refused
from pipeline.provider.port import Finding, Truth
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState
from tests.integration.api.callers import Caller, Json, error
from tests.support.fakes import BALANCE, PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

CHARGED = Finding(Truth.CHARGED, "balance", "The balance has dropped by $2.10.")
WRITE_OFF = {"action": "write_off", "reason": "Kyma's support finds no such voice.", "by": "ines"}


@pytest.fixture
def referred(studio: Caller, stage: Stage) -> Caller:
    """A studio whose clone was charged, and whose voice is lost."""
    stage.provider.will_make(Ambiguous("reset", raw="<half an answer>"))
    stage.provider.will_find(CHARGED)
    studio.started()
    stage.settle_down(3)
    return studio


def listed(caller: Caller) -> Json:
    answered = caller.get("/v1/reconcile")
    assert answered.status_code == 200
    found: Json = answered.json()
    return found


def the_one(caller: Caller, where: str) -> Json:
    (found,) = listed(caller)[where]
    told: Json = found
    return told


def test_where_nothing_is_unclear_the_list_is_empty(studio: Caller) -> None:
    assert listed(studio) == {"waiting": 0, "in_doubt": [], "operator": [], "orphans": []}


def test_what_waits_for_a_person_is_told_with_its_money_its_evidence_and_every_choice(
    referred: Caller, stage: Stage
) -> None:
    item = the_one(referred, "operator")
    with stage.database.read() as session:
        attempt = session.scalars(select(Attempt)).one()
    assert (item["id"], item["kind"], item["label"], item["production"]) == (attempt.id, "clone", "mara", "game")
    assert (item["run"], item["sent_as"]) == (attempt.run_id, attempt.label)
    assert (item["held_micros"], item["balance_before_micros"]) == (PRICES.clone_micros, BALANCE)
    assert (item["verdict"], item["told"]) == ("charged_voice_lost", CHARGED.told)
    assert item["evidence"] == "<half an answer>"
    assert item["sent_at"]
    assert item["doubted_at"]
    assert {choice["action"]: choice["command"] for choice in item["choices"]} == {
        "adopt": f'callsheet reconcile {attempt.id} --adopt VOICE_ID --reason "..."',
        "allow": f'callsheet reconcile {attempt.id} --allow-new-attempt --reason "..."',
        "write_off": f'callsheet reconcile {attempt.id} --write-off --reason "..."',
    }
    assert all("$2.10" in choice["effect"] for choice in item["choices"])
    assert listed(referred)["waiting"] == 1


def test_what_evidence_may_settle_says_by_when(studio: Caller, stage: Stage) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, lateness_seconds=120.0)
    stage.provider.will_make(Ambiguous("reset"))
    studio.started()
    stage.hand_on()
    stage.hand_on()
    item = the_one(studio, "in_doubt")
    assert item["state"] == "ambiguous"
    assert item["doubted_at"] < item["evidence_final_at"] < item["decided_by"]
    assert "choices" not in item
    refused = studio.post(f"/v1/reconcile/{item['id']}", WRITE_OFF)
    assert (refused.status_code, error(refused)["code"]) == (409, "conflict")


def test_a_decision_is_carried_out_and_kept_with_the_key_and_the_name(referred: Caller, stage: Stage) -> None:
    item = the_one(referred, "operator")
    decided = referred.post(f"/v1/reconcile/{item['id']}", WRITE_OFF)
    assert decided.status_code == 201, decided.text
    kept = decided.json()["decision"]
    assert (kept["action"], kept["subject"], kept["reason"]) == ("write_off", item["id"], WRITE_OFF["reason"])
    assert kept["by"] == f"{'_'.join((referred.key or '').split('_')[:2])} ines"
    assert decided.json()["waiting"] == 0
    assert referred.get("/v1/reconcile/decisions").json() == {"data": [kept], "has_more": False}
    balance = referred.get("/v1/ledger").json()["balance"]
    assert (balance["held_micros"], balance["by_kind"]["loss"]["micros"]) == (0, PRICES.clone_micros)
    with stage.database.read() as session:
        assert session.scalars(select(Attempt.state)).one() is AttemptState.WRITTEN_OFF


def test_an_adopted_voice_opens_its_lines_to_the_next_run(referred: Caller, stage: Stage) -> None:
    item = the_one(referred, "operator")
    wish = {"action": "adopt", "voice_id": "stage_found", "reason": "It is in the dashboard."}
    assert referred.post(f"/v1/reconcile/{item['id']}", wish).status_code == 201
    referred.started()
    stage.settle_down(3)
    assert referred.get("/v1/runs/latest").json()["state"] == "done"


def test_a_decision_is_made_once(referred: Caller) -> None:
    path = f"/v1/reconcile/{the_one(referred, 'operator')['id']}"
    assert referred.post(path, WRITE_OFF).status_code == 201
    again = referred.post(path, WRITE_OFF)
    assert (again.status_code, error(again)["code"]) == (409, "conflict")


def test_a_voice_that_came_too_late_is_told_and_adopted(studio: Caller, stage: Stage) -> None:
    stage.provider.will_make(Refused("no"))
    studio.started()
    stage.settle_down(2)
    with stage.edge.write() as session:
        attempt = session.scalars(select(Attempt)).one()
        claim = voices.Claim(attempt.id, attempt.fence)
        voices.settle(session, claim, answer("stage_late"), capabilities=stage.provider.abilities)
    item = the_one(studio, "orphans")
    assert (item["voice_id"], item["cost_micros"], item["attempt"]) == ("stage_late", PRICES.clone_micros, attempt.id)
    assert {choice["action"] for choice in item["choices"]} == {"adopt", "discard"}
    adopted = studio.post(f"/v1/reconcile/{item['id']}", {"action": "adopt", "reason": "It is good."})
    assert (adopted.status_code, adopted.json()["waiting"]) == (201, 0)
    # Voices that were asked for in the same millisecond are listed in any order.
    assert "stage_late" in {voice["voice_id"] for voice in studio.get("/v1/voices").json()["data"]}


def test_another_accounts_attempt_is_as_unknown_as_none_at_all(referred: Caller, caller: Callable[[], Caller]) -> None:
    item, other = the_one(referred, "operator"), caller()
    told = []
    for subject in (item["id"], "try_nothing"):
        refused = other.post(f"/v1/reconcile/{subject}", WRITE_OFF)
        assert refused.status_code == 404
        told.append({**error(refused), "message": error(refused)["message"].replace(subject, "ID")})
    assert told[0] == told[1]
    assert listed(other)["waiting"] == 0
    assert other.get("/v1/reconcile/decisions").json()["data"] == []
    assert listed(referred)["waiting"] == 1


INVALID: list[tuple[dict[str, Any], int]] = [
    ({"action": "write_off"}, 422),
    ({"action": "write_off", "reason": "  "}, 422),
    ({"action": "forget", "reason": "It is gone."}, 422),
    ({"action": "write_off", "reason": "It is gone.", "surplus": 1}, 422),
    ({"action": "adopt", "voice_id": "x" * 257, "reason": "It is there."}, 422),
    ({"action": "adopt", "voice_id": "a\x00b", "reason": "It is there."}, 422),
    ({"action": "adopt", "reason": "It is there."}, 400),
    ({"action": "discard", "reason": "It is gone."}, 400),
]


@pytest.mark.parametrize(("body", "status"), INVALID)
def test_a_decision_that_cannot_be_understood_changes_nothing(
    referred: Caller, body: dict[str, Any], status: int
) -> None:
    refused = referred.post(f"/v1/reconcile/{the_one(referred, 'operator')['id']}", body)
    assert refused.status_code == status, refused.text
    assert error(refused)["code"] == "invalid_request"
    assert listed(referred)["waiting"] == 1


def test_nothing_is_told_without_a_key(stranger: Caller) -> None:
    for answered in (
        stranger.get("/v1/reconcile"),
        stranger.get("/v1/reconcile/decisions"),
        stranger.post("/v1/reconcile/try_1", WRITE_OFF),
    ):
        assert answered.status_code == 401
