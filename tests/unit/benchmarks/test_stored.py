"""Results on disk, and which figures have become worse since they were stored."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.frame import stored
from benchmarks.frame.figures import Better, Figure, Outcome, Size, at_least, at_most

SHARE = Figure("share", 0.99, bar=at_least(0.95))
WAIT = Figure("wait", 1.0, "s", bar=at_most(2.0))
COST = Figure("of_floor", 1.4, better=Better.LOWER)
TOLD = Figure("lines_per_second", 20.0)


def outcome(*figures: Figure, cores: int = 2, error: str | None = None) -> Outcome:
    return Outcome("cap8", "a limit", Size.QUICK, "2026-01-01", cores, 0.5, 12.0, figures, error)


@pytest.mark.parametrize(
    ("before", "now", "is_worse"),
    [(SHARE, 0.7, True), (SHARE, 0.97, False), (WAIT, 1.4, True), (WAIT, 0.2, False), (COST, 1.7, True)],
)
def test_a_figure_is_worse_where_it_has_lost_more_than_the_noise(before: Figure, now: float, *, is_worse: bool) -> None:
    changes = stored.worse(outcome(replace(before, value=now)), outcome(before))
    assert [change.figure for change in changes] == [before.name] * is_worse


def test_a_figure_that_only_explains_is_never_worse() -> None:
    assert not stored.worse(outcome(replace(TOLD, value=1.0)), outcome(TOLD))


def test_nothing_is_worse_than_what_was_never_stored() -> None:
    assert not stored.worse(outcome(SHARE), None)
    assert not stored.worse(outcome(SHARE), outcome(WAIT))


def test_what_is_stored_is_read_as_it_was(tmp_path: Path) -> None:
    kept = outcome(SHARE, WAIT, COST, TOLD)
    stored.store([kept], tmp_path / "stored.json")
    read = stored.read_stored(tmp_path / "stored.json")["2 cores"]["quick.cap8"]
    assert (tuple(read.figures), read.size, read.load) == (kept.figures, Size.QUICK, 0.5)


def test_storing_leaves_other_machines_and_measures_alone(tmp_path: Path) -> None:
    path = tmp_path / "stored.json"
    stored.store([outcome(SHARE, cores=8), replace(outcome(WAIT), measure="cap1")], path)
    stored.store([outcome(replace(SHARE, value=0.9))], path)
    kept = stored.read_stored(path)
    assert set(kept) == {"2 cores", "8 cores"}
    assert set(kept["2 cores"]) == {"quick.cap1", "quick.cap8"}


def test_what_failed_is_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "stored.json"
    stored.store([outcome(SHARE)], path)
    stored.store([outcome(replace(SHARE, value=0.0), error="it broke")], path)
    assert stored.read_stored(path)["2 cores"]["quick.cap8"].figures[0].value == SHARE.value
