"""A plan in a file: the same or nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.saved_plan import SavedPlan, save
from pipeline.errors import Conflict, UsageError

Json = dict[str, Any]
DRAWN: Json = {
    "production": "game",
    "provider": "stage",
    "digest": "a" * 64,
    "totals": {"total_micros": 8_400},
    "voices": [],
}


def line(line_id: str, reason: str = "text", price: int = 4_200) -> Json:
    return {"line_id": line_id, "character": "MARA", "reason": reason, "price": price, "chars": 30}


def rows(*lines: Json, **facts: Any) -> Iterator[Json]:
    return iter([{**DRAWN, **facts}, *lines, {"removed": "gone"}])


@pytest.fixture
def saved(tmp_path: Path) -> SavedPlan:
    path = tmp_path / "plan.json"
    save(path, rows(line("a"), line("b"), line("c", "reused", 0)), {"only": ["character:MARA"], "fresh": True})
    return SavedPlan.read(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("totals", {"total_micros": "8400"}),
        ("totals", {"total_micros": 1.5}),
        ("only", "MARA"),
        ("lines", [{"line_id": "a", "reason": ["text"], "price": 1}]),
        ("lines", [{"line_id": "a", "reason": "text", "price": None}]),
        ("production", {}),
    ],
)
def test_a_plan_with_a_value_of_another_kind_is_refused_before_it_is_compared(
    tmp_path: Path, field: str, value: object
) -> None:
    path = tmp_path / "plan.json"
    save(path, rows(line("a")), {"only": [], "fresh": False})
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(UsageError, match="not a saved plan"):
        SavedPlan.read(path)


def test_a_plan_says_whether_it_was_to_make_what_exists_and_one_from_before_that_was_not(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save(path, rows(line("a")), {"only": [], "fresh": True})
    assert SavedPlan.read(path).fresh
    told = json.loads(path.read_text())
    del told["fresh"]
    path.write_text(json.dumps(told))
    assert not SavedPlan.read(path).fresh


def test_a_file_nested_without_end_is_no_saved_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UsageError, match="not a saved plan"):
        SavedPlan.read(path)


def test_what_is_saved_is_what_would_be_made_and_what_it_is_for(saved: SavedPlan) -> None:
    assert saved.lines == {"a": ("text", 4_200), "b": ("text", 4_200)}
    assert (saved.project, saved.only, saved.total_micros) == ("game", ["character:MARA"], 8_400)
    saved.require(DRAWN, rows(line("a"), line("b")))


def test_a_plan_that_has_changed_is_refused_line_by_line(saved: SavedPlan) -> None:
    moved = {**DRAWN, "digest": "b" * 64, "totals": {"total_micros": 6_000}}
    with pytest.raises(Conflict) as refused:
        saved.require(moved, rows(line("a"), line("b", "reused", 0), line("d", "new", 1_800)))
    assert refused.value.data["problems"] == [
        "b: text at $0.004200, now not made",
        "d: not made, now new at $0.001800",
    ]
    assert "It cost $0.008400 and would cost $0.006000 now." in refused.value.message
    assert str(saved.path) in refused.value.hint


def test_of_many_changes_the_first_are_shown(saved: SavedPlan) -> None:
    with pytest.raises(Conflict) as refused:
        saved.require({**DRAWN, "digest": "b" * 64}, rows(*(line(f"n{number}") for number in range(30))))
    assert refused.value.data["problems"][-1] == "and 22 more lines"


def test_a_change_that_no_line_shows_is_refused_as_well(saved: SavedPlan) -> None:
    with pytest.raises(Conflict, match="has changed since"):
        saved.require({**DRAWN, "digest": "b" * 64}, rows(line("a"), line("b")))


def test_a_plan_of_another_production_is_refused(saved: SavedPlan) -> None:
    with pytest.raises(UsageError, match="is a plan of game, and this is show"):
        saved.require({**DRAWN, "production": "show"}, rows())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"callsheet_plan": 1}', b'{"callsheet_plan": 2}']
)
def test_a_file_that_is_no_plan_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"plan\.json is"):
        SavedPlan.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        SavedPlan.read(tmp_path / "plan.json")
