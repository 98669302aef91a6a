import pytest
from sqlalchemy import select

from pipeline.ledger.money import UNLIMITED
from pipeline.speech.models import Take
from pipeline.speech.rules import LINE_PRIORITIES, Priority, TakeKind
from tests.integration.api.callers import CAST, FILES, LINES, Caller, error, rows, sha256
from tests.support.databases import on_sqlite
from tests.support.stage import Stage


def nothing_started(stage: Stage) -> bool:
    found = rows(stage.database)
    return not any(found[table] for table in ("runs", "productions", "lines", "takes", "voices", "holds"))


def test_a_run_is_started_and_tells_how_it_stands(studio: Caller, stage: Stage) -> None:
    started = studio.started(agreed=studio.plan().json()["digest"], budget_micros=5_000_000)
    assert (started["state"], started["reason"], started["production"]) == ("running", None, "game")
    assert (started["takes"]["total"], started["takes"]["done"]) == (2, 0)
    assert (started["cap_micros"], started["spent_micros"]) == (5_000_000, 0)
    assert studio.get(f"/v1/runs/{started['id']}").json()["id"] == studio.get("/v1/runs/latest").json()["id"]
    stage.work()
    done = studio.get(f"/v1/runs/{started['id']}").json()
    # The third is the new voice's first words.
    assert (done["state"], done["takes"]["done"], done["takes"]["total"]) == ("done", 3, 3)
    assert done["spent_micros"] == done["estimate_micros"] == started["estimate_micros"]
    assert done["held_micros"] == 0
    assert done["closed_at"]


def test_a_second_run_of_the_same_project_pays_nothing(studio: Caller, stage: Stage) -> None:
    studio.started()
    stage.work()
    again = studio.started()
    stage.work()
    assert studio.get(f"/v1/runs/{again['id']}").json()["state"] == "done"
    assert (again["takes"]["total"], again["estimate_micros"]) == (0, 0)
    assert len(stage.provider.voice_calls) == 1


def test_a_fresh_run_makes_what_exists_at_the_price_of_its_plan_and_the_next_joins_it(
    studio: Caller, stage: Stage
) -> None:
    studio.started()
    stage.work()
    drawn = studio.plan(fresh=True).json()
    assert drawn["by_reason"] == {"fresh": 2, "shared": 1}
    fresh = studio.started(agreed=drawn["digest"], fresh=True)
    assert fresh["estimate_micros"] == drawn["totals"]["total_micros"] > 0
    joined = studio.plan(fresh=True).json()
    assert (joined["by_reason"], joined["totals"]["total_micros"]) == ({"under way": 3}, 0)
    stage.settle_down(3)
    done = studio.get(f"/v1/runs/{fresh['id']}").json()
    assert (done["state"], done["spent_micros"]) == ("done", fresh["estimate_micros"])


def test_the_cap_of_the_project_holds_where_the_request_has_none(studio: Caller) -> None:
    capped = {**FILES, "cast.yaml": CAST.replace("lines: ", 'budget: "$3"\nlines: ').encode()}
    assert studio.started(capped)["cap_micros"] == 3_000_000


@pytest.mark.parametrize("missing", FILES)
def test_nothing_starts_before_every_file_is_uploaded(studio: Caller, stage: Stage, missing: str) -> None:
    studio.upload({path: body for path, body in FILES.items() if path != missing})
    answer = studio.start()
    assert answer.status_code in {400, 422}
    assert missing in str(error(answer))
    assert nothing_started(stage)


@pytest.mark.parametrize("missing", FILES)
def test_a_file_that_the_request_does_not_list_is_named(studio: Caller, stage: Stage, missing: str) -> None:
    studio.upload()
    answer = studio.start({path: body for path, body in FILES.items() if path != missing})
    assert answer.status_code in {400, 422}
    assert missing in str(error(answer))
    assert nothing_started(stage)


def test_bytes_that_are_not_the_declared_ones_start_nothing(studio: Caller, stage: Stage) -> None:
    studio.upload()
    (key,) = (found.key for found in stage.store.list("submissions/") if found.key.endswith(sha256(FILES["lines.csv"])))
    stage.store.delete(key)
    stage.store.put(key, b"id,character,text\nopen_1,HERALD,Something else.\n", content_type="text/csv")
    answer = studio.start()
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert "lines.csv" in error(answer)["message"]
    assert nothing_started(stage)


def test_a_plan_that_is_no_longer_the_one_agreed_to_is_a_conflict(studio: Caller, stage: Stage) -> None:
    agreed = studio.plan().json()["digest"]
    revised = {**FILES, "lines.csv": LINES.replace("Nobody.", "Somebody.").encode()}
    studio.upload(revised)
    answer = studio.start(revised, agreed=agreed)
    assert (answer.status_code, error(answer)["code"]) == (409, "conflict")
    assert nothing_started(stage)
    assert studio.start(revised, agreed=studio.plan(revised).json()["digest"]).status_code == 201


@pytest.mark.parametrize("agreed", ["", "latest", "A" * 64, "0" * 63, 7])
def test_a_digest_is_64_hexadecimal_digits(studio: Caller, agreed: object) -> None:
    answer = studio.start(agreed=agreed)
    assert answer.status_code == 422
    assert "body.agreed" in error(answer)["message"]


@pytest.mark.parametrize("budget", [-1, 1.5, "a lot", UNLIMITED, 10**30])
def test_a_budget_is_a_whole_number_of_micro_dollars_that_fits(studio: Caller, stage: Stage, budget: object) -> None:
    studio.upload()
    answer = studio.start(budget_micros=budget)
    assert answer.status_code == 422
    assert "body.budget_micros" in error(answer)["message"]
    assert nothing_started(stage)


def test_a_plan_beyond_the_budget_is_refused_before_anything_starts(studio: Caller, stage: Stage) -> None:
    studio.upload()
    answer = studio.start(budget_micros=1_000_000)
    assert answer.status_code == 402
    refused = error(answer)
    assert refused["code"] == "budget_exceeded"
    assert "the run's budget of $1.00 has $1.00 left" in refused["message"]
    assert refused["caps"][0]["missing"] == refused["needed"] - 1_000_000
    assert refused == studio.plan(budget_micros=1_000_000).json()["over_budget"]
    assert nothing_started(stage)


def test_a_plan_that_the_budget_is_enough_for_is_not_over_it(studio: Caller) -> None:
    plan = studio.plan().json()
    exact = plan["totals"]["total_micros"]
    assert plan["over_budget"] is None
    assert studio.plan(budget_micros=exact).json()["over_budget"] is None
    assert studio.plan(budget_micros=exact - 1).json()["over_budget"]["caps"][0]["missing"] == 1


def test_a_run_without_money_stops_and_says_why(studio: Caller, stage: Stage) -> None:
    run = studio.started(budget_micros=0, budget_mode="soft")
    stage.settle_down(3)
    ended = studio.get(f"/v1/runs/{run['id']}").json()
    assert (ended["state"], ended["reason"], ended["spent_micros"]) == ("stopped", "budget_exceeded", 0)
    assert not stage.provider.voice_calls


@on_sqlite
@pytest.mark.parametrize("priority", Priority)
def test_a_run_says_how_soon_its_lines_are_wanted(studio: Caller, stage: Stage, priority: Priority) -> None:
    studio.started(priority=priority)
    with stage.database.read() as session:
        wanted = session.scalars(select(Take.priority).where(Take.kind == TakeKind.LINE)).all()
    assert set(wanted) == {LINE_PRIORITIES[priority]}


def test_a_haste_that_there_is_not_is_refused(studio: Caller, stage: Stage) -> None:
    studio.upload(FILES)
    assert error(studio.start(FILES, priority="at once"))["code"] == "invalid_request"
    assert nothing_started(stage)


def test_without_consent_nothing_starts(studio: Caller, stage: Stage) -> None:
    bare = {
        **FILES,
        "cast.yaml": "".join(row for row in CAST.splitlines(keepends=True) if "consent" not in row).encode(),
    }
    studio.upload(bare)
    answer = studio.start(bare)
    assert (answer.status_code, error(answer)["code"]) == (403, "consent_required")
    assert nothing_started(stage)


def test_the_pack_links_each_spoken_line_to_its_file(studio: Caller, stage: Stage) -> None:
    studio.started()
    waiting = studio.get("/v1/productions/game/pack").json()["data"]
    assert [(line["id"], line["file"], line["url"]) for line in waiting] == [
        ("open_1", None, None),
        ("open_2", None, None),
        ("open_3", None, None),
    ]
    stage.work()
    spoken = studio.get("/v1/productions/game/pack").json()["data"]
    assert [line["file"] for line in spoken] == ["MARA/open_1.wav", "HERALD/open_2.wav", "HERALD/open_3.wav"]
    for line in spoken:
        content, _ = stage.store.fetch(line["url"])
        assert sha256(content) == line["sha256"]
        assert "object_key" not in line
