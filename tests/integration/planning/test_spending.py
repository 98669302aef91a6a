"""What a plan says of money spent so far, and of voices that the provider deletes."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from pipeline.db.clock import now_ms
from pipeline.ledger.models import Budget
from pipeline.planning import service as planning
from pipeline.planning.lapsing import SOON_DAYS, lapsing_voices
from pipeline.planning.rules import Plan
from pipeline.planning.spending import before_and_after, spending
from pipeline.voices.models import Voice
from pipeline.voices.rules import GONE
from tests.integration.planning.plans import apply, plan
from tests.integration.planning.retakes import production, retake
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import MODEL, PRICES
from tests.support.stage import Stage

CAST = Sheet().cloned("mara").system("narrator")
SHEET = CAST.says("mara", "Halt!", "Who goes there?").says("narrator", "Night fell.")
DAY_MS = 24 * 3_600_000


def facts(stage: Stage, owner: str, planned: Plan) -> dict[str, dict[str, int]]:
    with stage.database.read() as session:
        told = before_and_after(planned, spending(session, owner, "game"))
    return {row["character"]: row for row in told["by_character"]} | {"": told["spent"]}


def spent(stage: Stage, owner: str) -> int:
    with stage.database.read() as session:
        budget = session.get_one(Budget, production(session, owner).id)
        return budget.spent + budget.overrun


def test_a_plan_compares_what_was_spent_with_what_will_have_been(stage: Stage, owner: str) -> None:
    first = plan(stage, owner, SHEET.submission())
    before = facts(stage, owner, first)
    assert before[""] == {"before_micros": 0, "after_micros": first.price}
    assert (before["mara"]["lines_spoken_before"], before["mara"]["lines_spoken_after"]) == (0, 2)
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)

    changed = CAST.says("mara", "Halt!", "Who is there?").says("narrator", "Night fell.")
    second = plan(stage, owner, changed.submission())
    after = facts(stage, owner, second)
    assert after[""]["before_micros"] == spent(stage, owner) == first.price
    assert after["mara"]["before_micros"] == before["mara"]["plan_micros"] > 0
    assert after["mara"]["after_micros"] == after["mara"]["before_micros"] + second.price
    assert (after["mara"]["lines_to_speak"], after["narrator"]["lines_to_speak"]) == (1, 0)
    assert after["narrator"]["before_micros"] == after["narrator"]["after_micros"]


@on_sqlite
def test_what_former_texts_and_further_takes_have_cost_stays_spent(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    changed = CAST.says("mara", "Halt!", "Who is there?").says("narrator", "Night fell.")
    apply(stage, owner, changed.submission())
    stage.settle_down(2)
    told = facts(stage, owner, plan(stage, owner, changed.submission()))
    prices = [stage.provider.prices().speech("stage-hd", len(text)) for text in ("Halt!", "Who goes there?")]
    again = [stage.provider.prices().speech("stage-hd", len(text)) for text in ("Halt!", "Who is there?")]
    assert told["mara"]["before_micros"] == sum(prices) + sum(again)
    assert told[""]["before_micros"] == spent(stage, owner)


@on_sqlite
def test_a_plan_names_the_voices_that_lapse_soon_and_those_that_are_gone(stage: Stage, owner: str) -> None:
    sheet = Sheet().cloned("mara").cloned("bram").cloned("oswin").says("mara", "Halt!")
    apply(stage, owner, sheet.submission())
    stage.settle_down(4)
    left = {"mara": SOON_DAYS * DAY_MS - 60_000, "bram": SOON_DAYS * DAY_MS + 60_000}
    with stage.database.write() as session:
        for label, ms in left.items():
            unheard = {"spoke_at": None, "lapses_at": now_ms() + ms}
            session.execute(update(Voice).where(Voice.label == label).values(**unheard))
        session.execute(update(Voice).where(Voice.label == "oswin").values(problem=GONE, message="Deleted."))
    planned = plan(stage, owner, sheet.submission())
    with stage.database.read() as session:
        told = {voice["label"]: voice for voice in lapsing_voices(session, owner, planned)}
    assert set(told) == {"mara", "oswin"}
    assert (told["mara"]["is_gone"], told["mara"]["characters"]) == (False, ["mara"])
    assert SOON_DAYS * 86_400 - 120 < told["mara"]["seconds_left"] < SOON_DAYS * 86_400
    assert (told["oswin"]["is_gone"], told["oswin"]["message"]) == (True, "Deleted.")
    with stage.database.write() as session:
        session.execute(update(Voice).values(spoke_at=now_ms(), problem=None))


@on_sqlite
@pytest.mark.parametrize(("twice", "chars"), [(True, 8), (False, 6)])
def test_chinese_is_priced_as_the_provider_counts_it(stage: Stage, owner: str, *, twice: bool, chars: int) -> None:
    sheet = Sheet().system("narrator").says("narrator", "Hm, 你好")
    prices = replace(PRICES, counts_han_twice=twice)
    with stage.database.read() as session:
        drawn = planning.draw_up(session, owner, sheet.submission(), factories.market(prices))
    assert drawn.price == prices.speech(MODEL, chars) == 100 * chars
