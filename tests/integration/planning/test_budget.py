"""A plan that costs more than a cap has left: refused whole, or made as far as the money goes."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline import views
from pipeline.errors import BudgetExceeded
from pipeline.intake.models import Production, Run
from pipeline.ledger import service as ledger
from pipeline.ledger.money import BudgetMode
from pipeline.planning import service as planning
from pipeline.voices.models import Voice
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage

SHEET = factories.Sheet().system("herald").says("herald", *(f"Hear, hear, number {n}." for n in range(20)))
LINE = 2_300
"""More than one of these lines costs, and less than two."""


@pytest.fixture
def owner(stage: Stage) -> str:
    with stage.edge.write() as session:
        return factories.account(session).id


def apply(stage: Stage, owner: str, budget: int | None = None, mode: BudgetMode = BudgetMode.HARD) -> str:
    with stage.edge.write() as session:
        return planning.apply(
            session, owner, SHEET.submission(), factories.market(), agreed=None, budget=budget, mode=mode
        ).id


def price(stage: Stage, owner: str) -> int:
    with stage.database.read() as session:
        return planning.draw_up(session, owner, SHEET.submission(), factories.market()).price


def owner_of(kind: str, session: Session, account_id: str) -> str:
    return {
        "account": account_id,
        "production": factories.production(session, factories.account_of(session, account_id)).id,
        "provider": ledger.provider_owner(PROVIDER),
    }[kind]


def cap(stage: Stage, account_id: str, kind: str, amount: int) -> None:
    with stage.edge.write() as session:
        owner = owner_of(kind, session, account_id)
        shared = kind == "provider"
        ledger.set_cap(session, owner, amount, account_id=account_id, shared=shared, actor="me", reason="a test")


@pytest.mark.parametrize(
    ("kind", "named", "raised"),
    [
        ("account", "the account's budget", "callsheet ledger cap account AMOUNT"),
        ("production", "the production's budget", "callsheet ledger cap production NAME AMOUNT"),
        ("provider", "the budget of all accounts for stage", "callsheet ledger cap provider stage AMOUNT"),
    ],
)
def test_a_plan_beyond_a_cap_is_refused_with_the_cap_what_is_missing_and_the_way_on(
    stage: Stage, owner: str, kind: str, named: str, raised: str
) -> None:
    wanted = price(stage, owner)
    cap(stage, owner, kind, wanted - 1)
    with pytest.raises(BudgetExceeded, match=f"{named} of .* is missing") as refused:
        apply(stage, owner)
    assert refused.value.data["caps"][0]["missing"] == 1
    assert raised in refused.value.hint
    with stage.database.read() as session:
        assert session.scalars(select(Run)).all() == session.scalars(select(Voice)).all() == []
    cap(stage, owner, kind, wanted)
    apply(stage, owner)
    stage.settle_down()
    assert len(stage.provider.speech_calls) == 20


def test_every_cap_that_is_too_low_is_named_at_once(stage: Stage, owner: str) -> None:
    for kind in ("account", "provider"):
        cap(stage, owner, kind, 10)
    with pytest.raises(BudgetExceeded) as refused:
        apply(stage, owner, budget=10)
    assert [short["whose"] for short in refused.value.data["caps"]] == [
        "the budget of all accounts for stage",
        "the account's budget",
        "the run's budget",
    ]


def test_what_is_held_by_others_is_not_left(stage: Stage, owner: str) -> None:
    wanted = price(stage, owner)
    cap(stage, owner, "account", wanted)
    with stage.edge.write() as session:
        other = factories.run(session, factories.account_of(session, owner), name="other")
        ledger.hold(session, account_id=owner, run_id=other.id, provider=PROVIDER, attempt="take_1#1", amount=1)
    with pytest.raises(BudgetExceeded, match=r"\$0.000001 is missing"):
        apply(stage, owner)
    with stage.edge.write() as session:
        ledger.release(session, "take_1#1")


def cap_of_run(_stage: Stage, _owner: str, amount: int) -> int | None:
    return amount


def cap_of_account(stage: Stage, owner: str, amount: int) -> int | None:
    cap(stage, owner, "account", amount)
    return None


@pytest.mark.parametrize("set_cap", [cap_of_run, cap_of_account])
def test_a_soft_budget_makes_what_it_is_enough_for_and_frees_what_it_held(
    stage: Stage, owner: str, set_cap: Callable[[Stage, str, int], int | None]
) -> None:
    bound = price(stage, owner) // 2
    started = apply(stage, owner, set_cap(stage, owner, bound), BudgetMode.SOFT)
    stage.settle_down()
    with stage.database.read() as session:
        ended = views.run_status(session, session.get_one(Run, started))
    assert (ended["state"], ended["reason"], ended["held_micros"]) == ("stopped", "budget_exceeded", 0)
    assert bound - LINE < ended["spent_micros"] <= bound
    assert ended["takes"]["done"] == len(stage.provider.speech_calls) > 0
    assert ended["takes"]["done"] + ended["takes"]["blocked"] == 20


@on_sqlite
def test_the_budget_of_the_project_file_bounds_each_of_its_runs(stage: Stage, owner: str) -> None:
    submission = SHEET.submission(budget_micros=10)
    with stage.edge.write() as session, pytest.raises(BudgetExceeded, match=r"the run's budget of \$0.000010"):
        planning.apply(session, owner, submission, factories.market(), agreed=None, budget=None)


@on_sqlite
def test_a_plan_without_a_price_needs_no_room(stage: Stage, owner: str) -> None:
    apply(stage, owner)
    stage.settle_down()
    assert price(stage, owner) == 0
    apply(stage, owner, budget=0)
    with stage.database.read() as session:
        assert len(session.scalars(select(Production)).all()) == 1
