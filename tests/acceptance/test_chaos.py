"""A small storm over a whole stack; `make chaos` runs large ones."""

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.chaos.trial import Size, try_out
from benchmarks.chaos.weather import Fault, Kind, weather
from tests.support.faults.naive import naive_environment

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chaos")]
SEED, EVERY_SECONDS = 5, 2.0
SMALL = Size(lines=120, clones=5)
TINY = Size(lines=6, clones=3)
LOST_ANSWERS = Fault(0.0, Kind.PROVIDER_FAILS, chance=0.0, route="voice-clone", point="reset_after_charge", count=2)


def test_in_a_storm_no_line_is_lost_and_nothing_is_paid_twice_that_is_not_on_the_books() -> None:
    result = try_out("postgresql", SMALL, weather(SEED, every=EVERY_SECONDS), in_peace=False)
    assert result.broken_promises() == []
    assert result.faults >= len(Kind)


def test_a_stack_that_sends_again_when_in_doubt_breaks_its_promises(tmp_path: Path) -> None:
    """The control: the storm is able to find a voice that was paid for twice."""
    result = try_out("sqlite", TINY, [LOST_ANSWERS], naive_environment(tmp_path), in_peace=False)
    assert result.duplicate_charges > 0
    assert "no voice is charged twice" in result.broken_promises()
    assert "both books agree to the micro-dollar" in result.broken_promises()


def test_the_weather_follows_from_the_seed_alone() -> None:
    first, again, other = (list(islice(weather(seed, every=3.0), 30)) for seed in (1, 1, 2))
    assert first == again != other
    assert {fault.kind for fault in first[: len(Kind)]} == set(Kind)
