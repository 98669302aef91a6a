"""Rivals that do not come to an end."""

from pathlib import Path

import pytest

from benchmarks.measures.recovery import redelivered
from benchmarks.rivals.errand import Address
from benchmarks.rivals.runs import Bench, Unfinished
from pipeline.db.engine import Database

NOWHERE = Address("", "", "", "", "", "", "", 1)


def test_lines_that_a_rival_has_lost_are_counted(tmp_path: Path) -> None:
    rows = Database(f"sqlite:///{tmp_path / 'rivals.db'}")
    bench = Bench(rows, NOWHERE, tmp_path)
    bench.add(0, 3)
    with pytest.raises(Unfinished, match="0 of 3 lines are spoken after 0 s"):
        bench.wait(0, 3, seconds=0)
    rows.close()


def test_a_rival_that_is_given_up_is_a_figure_that_says_so() -> None:
    def in_vain() -> None:
        raise Unfinished(47, 48, 300)

    assert redelivered(in_vain)[1] == "given up: 47 of 48 lines are spoken after 300 s"
    assert redelivered(lambda: None)[1] == "measured"
