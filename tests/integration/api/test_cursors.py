"""Lists in pages, on both databases: they differ in what they take for a number or a text."""

import pytest

from tests.integration.api.callers import FILES, Caller, error
from tests.support.databases import Maker
from tests.support.stage import Stage

LINES = "id,character,text\n" + "".join(f"line_{n},HERALD,Line {n}.\n" for n in range(4))
LISTS = ("/v1/runs", "/v1/ledger", "/v1/productions/game/lines", "/v1/productions/game/pack")
BY_POSITION = LISTS[2:]
BY_ID = LISTS[:2]


@pytest.fixture(params=["sqlite", "postgresql"])
def maker(request: pytest.FixtureRequest) -> Maker:
    named: Maker = request.getfixturevalue("sqlite_maker" if request.param == "sqlite" else "postgresql_server")
    return named


@pytest.fixture
def full(studio: Caller, stage: Stage) -> Caller:
    """An account with some runs, charges and lines."""
    for _ in range(4):
        studio.started({**FILES, "lines.csv": LINES.encode()})
    stage.work()
    return studio


def test_pages_put_together_are_the_list_and_the_last_one_says_so(full: Caller) -> None:
    for path, cursor in zip(LISTS, ("id", "id", "position", "position"), strict=True):
        whole = [item[cursor] for item in full.get(path).json()["data"]]
        assert len(whole) >= 4
        assert not full.get(path, limit=len(whole)).json()["has_more"]
        for limit in (1, 2, len(whole) - 1):
            found: list[object] = []
            params: dict[str, object] = {}
            while True:
                page = full.get(path, limit=limit, **params).json()
                found += [item[cursor] for item in page["data"]]
                assert 1 <= len(page["data"]) <= limit
                if not page["has_more"]:
                    break
                params = {"after": found[-1]}
            assert found == whole


def test_runs_come_newest_first_and_charges_oldest_first(full: Caller) -> None:
    runs, charges = ([item["id"] for item in full.get(path).json()["data"]] for path in BY_ID)
    assert runs == sorted(runs, reverse=True)
    assert charges == sorted(charges)


def test_a_page_starts_after_the_end_with_nothing(full: Caller) -> None:
    assert full.get("/v1/runs", after="run_0").json() == {"data": [], "has_more": False}
    assert full.get("/v1/ledger", after="~").json()["data"] == []
    assert full.get("/v1/productions/game/lines", after=3).json() == {"data": [], "has_more": False}


@pytest.mark.parametrize("path", LISTS)
def test_a_limit_is_1_to_1000(studio: Caller, path: str) -> None:
    for limit in (0, -1, 1_001, 2**31, 2**63, 10**40, "many", "1.5", "", "1e3"):
        answer = studio.get(path, limit=limit)
        assert (answer.status_code, error(answer)["code"]) == (422, "invalid_request"), limit
        assert "limit" in error(answer)["message"]


@pytest.mark.parametrize("path", BY_POSITION)
def test_a_position_that_no_line_has_is_refused(studio: Caller, path: str) -> None:
    for after in (-2, 2**31, 2**63, 10**40, "first", "", "1.5", "\x00"):
        answer = studio.get(path, after=after)
        assert (answer.status_code, error(answer)["code"]) == (422, "invalid_request"), after


@pytest.mark.parametrize(("path", "name"), [("/v1/runs", "after"), ("/v1/ledger", "after"), ("/v1/ledger", "run")])
def test_an_id_that_no_row_can_have_is_refused(studio: Caller, path: str, name: str) -> None:
    for given in ("\x00", "run_\x00", "x" * 201):
        answer = studio.get(path, **{name: given})
        assert (answer.status_code, error(answer)["code"]) == (422, "invalid_request"), given


@pytest.mark.parametrize("path", ["/v1/runs/{}", "/v1/productions/{}/lines", "/v1/productions/{}/pack"])
def test_a_strange_name_is_no_name_of_anything(studio: Caller, path: str) -> None:
    for name in ("%00", "a%00b", "x" * 300, "%FF", "..", "%2e%2e%2fruns", "💥", "'; --", "_%25"):
        answer = studio.get(path.format(name))
        assert answer.status_code in {404, 422}, name
        error(answer)


@pytest.mark.parametrize("path", BY_ID)
def test_any_other_text_is_only_a_place_in_the_order(studio: Caller, path: str) -> None:
    for after in ("", "%FF", "💥", "'; DROP TABLE runs; --"):
        assert studio.get(path, after=after).status_code == 200, after
