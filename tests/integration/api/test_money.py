"""The ledger, statements, caps, refunds and the audit over HTTP."""

from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.ledger.models import Budget, Decision, Transfer
from pipeline.provider.errors import ProviderFailed
from pipeline.speech.models import Take
from tests.integration.api.callers import FILES, Caller, error
from tests.support.fakes import PRICES
from tests.support.stage import Stage

LINES = "id,character,text\nline_1,HERALD,Twice.\nline_2,HERALD,Other words.\nline_3,HERALD,Twice.\n"
BYS = ("line", "voice", "production", "run")


@pytest.fixture
def paid(studio: Caller, stage: Stage) -> Caller:
    """An account with a cloned voice and lines, one of which had to be paid for twice."""
    stage.provider.will_speak(ProviderFailed("cut off", charged_micros=500))
    studio.started({**FILES, "lines.csv": LINES.encode()})
    stage.settle_down()
    return studio


def rows(caller: Caller, by: str, **params: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.get("/v1/ledger/statement", by=by, **params).json()["data"]
    return found


def refund(caller: Caller, transfer: str, amount: int, **change: object) -> Any:
    wish = {"amount_micros": amount, "reason": "Credited by support.", "by": "Ann"}
    return caller.post(f"/v1/ledger/{transfer}/refunds", wish | change)


@pytest.mark.parametrize("by", BYS)
def test_every_statement_adds_up_to_the_ledger(paid: Caller, by: str) -> None:
    charges = paid.get("/v1/ledger").json()
    refund(paid, charges["data"][0]["id"], 3)
    spent = paid.get("/v1/ledger").json()["balance"]["spent_micros"]
    stated = rows(paid, by)
    assert sum(row["paid_micros"] for row in stated) == spent > 0
    assert sum(row["refunded_micros"] for row in stated) == 3
    assert sum(row["transfers"] for row in stated) == len(charges["data"]) + 1


@pytest.mark.parametrize("by", BYS)
def test_a_statement_in_pages_is_the_statement(paid: Caller, by: str) -> None:
    whole, found, after = rows(paid, by), [], None
    while True:
        page = paid.get("/v1/ledger/statement", by=by, limit=1, **({"after": after} if after else {})).json()
        found += page["data"]
        if not page["has_more"]:
            break
        after = found[-1]["key"]
    assert found == whole


def test_a_line_that_was_paid_twice_shows_what_the_first_try_has_cost(paid: Caller) -> None:
    stated = {row["name"]: row for row in rows(paid, "line")}
    assert {"line_1", "line_2"} <= set(stated)
    assert "line_3" not in stated
    twice = [row for row in stated.values() if row["transfers"] == 2]
    assert [row["difference_micros"] for row in twice] == [500]
    assert stated["line_1"]["character"] == "HERALD"
    assert {row["production"] for row in rows(paid, "run")} == {"game"}


def test_a_voice_comes_with_the_lines_it_speaks(paid: Caller) -> None:
    stated = {row["name"]: row for row in rows(paid, "voice")}
    assert stated["mara"]["paid_micros"] >= PRICES.clone_micros
    assert stated["mara"]["transfers"] >= 2


def test_a_line_whose_text_has_changed_keeps_its_costs(paid: Caller, stage: Stage) -> None:
    before = sum(row["paid_micros"] for row in rows(paid, "line"))
    paid.started({**FILES, "lines.csv": b"id,character,text\nline_1,HERALD,New words.\n"})
    stage.settle_down()
    stated = rows(paid, "line")
    assert {"line_1", "line_1, take 1", "line_2, take 1"} <= {row["name"] for row in stated}
    assert sum(row["paid_micros"] for row in stated) > before


def test_an_unknown_grouping_is_refused_with_what_there_is(studio: Caller) -> None:
    answer = studio.get("/v1/ledger/statement", by="day")
    assert answer.status_code == 422
    assert "'line', 'voice', 'production' or 'run'" in error(answer)["message"]


def test_a_refund_is_booked_with_its_reason_and_the_take_says_so_too(paid: Caller, stage: Stage) -> None:
    charge = next(row for row in paid.get("/v1/ledger").json()["data"] if row["kind"] == "speech")
    with stage.database.read() as session:
        cost = session.get_one(Take, charge["subject"]).cost
    answer = refund(paid, charge["id"], 7)
    assert (answer.status_code, answer.json()["amount_micros"]) == (201, -7)
    listed = paid.get("/v1/ledger").json()["data"][-1]
    assert (listed["kind"], listed["amount_micros"], listed["reverses"]) == ("refund", -7, charge["id"])
    with stage.database.read() as session:
        assert session.get_one(Take, charge["subject"]).cost == cost - 7
        decision = session.scalars(select(Decision)).one()
    assert (decision.action, decision.subject, decision.reason) == ("refund", charge["id"], "Credited by support.")
    assert decision.actor == f"cs_{paid.key.split('_')[1]} Ann"
    assert paid.key not in decision.actor


def test_a_refund_of_too_much_or_of_nothing_changes_nothing(paid: Caller, stage: Stage) -> None:
    charge = paid.get("/v1/ledger").json()["data"][0]
    answer = refund(paid, charge["id"], charge["amount_micros"] + 1)
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    for amount in (0, -1):
        assert refund(paid, charge["id"], amount).status_code == 422
    assert refund(paid, "pay_x", 1).status_code == 404
    with stage.database.read() as session:
        assert session.scalars(select(Decision)).all() == []
        assert not session.scalars(select(Transfer).where(Transfer.kind == "refund")).all()


@pytest.mark.parametrize("reason", ["", "  ", "ab", None, "\x00\x00\x00"])
def test_a_decision_without_a_reason_is_refused(paid: Caller, reason: object) -> None:
    charge = paid.get("/v1/ledger").json()["data"][0]
    assert refund(paid, charge["id"], 1, reason=reason).status_code == 422
    assert paid.send("PUT", "/v1/caps/account", json={"cap_micros": None, "reason": reason}).status_code == 422


def test_another_account_can_neither_refund_nor_cap(paid: Caller, caller: Any) -> None:
    other = caller()
    charge = paid.get("/v1/ledger").json()["data"][0]
    assert refund(other, charge["id"], 1).status_code == 404
    cap = {"cap_micros": 0, "reason": "Not mine."}
    assert other.send("PUT", "/v1/caps/productions/game", json=cap).status_code == 404
    assert other.send("PUT", "/v1/caps/account", json=cap).status_code == 200
    assert paid.get("/v1/caps").json()["data"][1]["cap_micros"] is None


def test_caps_are_set_listed_and_heeded(paid: Caller) -> None:
    spent = paid.get("/v1/ledger").json()["balance"]["spent_micros"]
    for path in ("account", "productions/game"):
        answer = paid.send("PUT", f"/v1/caps/{path}", json={"cap_micros": spent + 5, "reason": "Enough."})
        assert answer.status_code == 200, answer.text
        low = paid.send("PUT", f"/v1/caps/{path}", json={"cap_micros": spent - 1, "reason": "Enough."})
        assert (low.status_code, error(low)["code"]) == (400, "invalid_request")
    provider, account, production = paid.get("/v1/caps").json()["data"]
    assert (provider["kind"], provider["cap_micros"], provider["spent_micros"]) == ("provider", None, None)
    for told, name in ((account, ""), (production, "game")):
        assert (told["name"], told["cap_micros"], told["left_micros"]) == (name, spent + 5, 5)
    over = paid.plan({**FILES, "lines.csv": b"id,character,text\nx,HERALD,Some more words.\n"}).json()["over_budget"]
    assert {cap["whose"] for cap in over["caps"]} == {"the account's budget", "the production's budget"}


def test_the_audit_answers_for_the_account(paid: Caller, stage: Stage, caller: Any) -> None:
    assert paid.get("/v1/audit").json()["ok"]
    other = caller()
    with stage.database.write() as session:
        session.execute(update(Budget).where(Budget.owner == paid.account_id).values(spent=Budget.spent + 1))
    report = paid.get("/v1/audit").json()
    assert not report["ok"]
    broken = [row for found in report["findings"] for row in found["broken"]]
    assert [row["row"] for row in broken] == [paid.account_id]
    assert other.get("/v1/audit").json()["ok"]
    with stage.database.write() as session:
        session.execute(update(Budget).where(Budget.owner == paid.account_id).values(spent=Budget.spent - 1))


def test_the_ledger_sums_up_estimates_and_comes_with_its_sums_once(paid: Caller) -> None:
    first = paid.get("/v1/ledger", limit=1).json()
    assert first["has_more"]
    assert first["balance"]["estimated_micros"] == 0
    assert "balance" not in paid.get("/v1/ledger", limit=1, after=first["data"][0]["id"]).json()
