"""The clone protocol under everything that may go wrong, and what happens without each of its protections."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulation.campaign import Tally, play, protocol
from tests.simulation.history import Outcome
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.variants import CONTROLS, PROTOCOL, VARIANTS

SEEDS = {"e1": 600, "e2": 600, "e3": 300, "e4": 500}
"""Where the balance is the evidence a history takes three times as long."""
PORTION = 150
PORTIONS = [
    pytest.param(name, range(first, min(first + PORTION, seeds)), id=f"{name}-{first}", marks=pytest.mark.apart)
    for name, seeds in SEEDS.items()
    for first in range(0, seeds, PORTION)
]
PATIENCE = 150
"""Histories within which a control has to show what it takes out."""
TWO_UNDER_WAY = "two clones are under way where the balance is the evidence"

pytestmark = [pytest.mark.timeout(600), pytest.mark.computes]


@pytest.fixture
def playing() -> Iterator[Simulator]:
    with simulator() as made:
        yield made


def played(playing: Simulator, name: str, seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        tally.add(playing.play(VARIANTS[name], seed))
    return tally


def first_of(playing: Simulator, name: str, promise: str) -> Outcome:
    """Return the first history of a control that breaks a promise."""
    for seed in range(PATIENCE):
        outcome = playing.play(CONTROLS[name], seed)
        if any(promise in broken for broken in outcome.broken):
            return outcome
    raise AssertionError(f"in {PATIENCE} histories of {name} nothing says {promise!r}")


def test_the_suite_plays_at_least_two_thousand_histories() -> None:
    assert set(SEEDS) == set(PROTOCOL)
    assert sum(SEEDS.values()) >= 2_000


@pytest.mark.parametrize(("name", "seeds"), PORTIONS)
def test_whatever_goes_wrong_no_voice_is_paid_for_twice_and_every_promise_is_kept(
    playing: Simulator, name: str, seeds: range
) -> None:
    tally = played(playing, name, seeds)
    told = [(f"make simulate SEED={it.seed} VARIANT={it.variant}", it.broken) for it in tally.broken]
    assert not told
    assert tally.seeds == len(seeds)
    assert tally.duplicates == 0
    # Histories in which little is bought would prove little.
    assert tally.charges >= tally.owned >= 0.95 * tally.wanted


@pytest.mark.apart
def test_a_naive_retry_pays_for_voices_twice_in_the_same_world(playing: Simulator) -> None:
    assert played(playing, "naive", range(200)).duplicates >= 20


@pytest.mark.apart
@pytest.mark.parametrize("name", ["no-quiescence", "exact-balance", "stale-evidence"])
def test_without_this_protection_a_voice_that_was_made_is_paid_for_again(playing: Simulator, name: str) -> None:
    outcome = first_of(playing, name, "beyond one a voice")
    assert outcome.duplicates
    assert any("is released, and the voice was made" in broken for broken in outcome.broken)


@pytest.mark.apart
def test_without_mutual_exclusion_two_clones_are_under_way_at_once(playing: Simulator) -> None:
    assert first_of(playing, "no-exclusion", TWO_UNDER_WAY)


@pytest.mark.apart
@pytest.mark.parametrize("name", list(PROTOCOL))
def test_a_seed_is_the_same_history_each_time_and_another_seed_is_another(playing: Simulator, name: str) -> None:
    first = [playing.play(PROTOCOL[name], seed) for seed in range(5)]
    again = [playing.play(PROTOCOL[name], seed) for seed in reversed(range(5))]
    assert first == again[::-1]
    assert len({outcome.digest for outcome in first}) == 5


@pytest.mark.apart
def test_several_processes_play_what_one_plays() -> None:
    histories = list(protocol(range(30)))
    assert list(play(histories, jobs=2)) == list(play(histories))


@pytest.mark.apart
def test_a_seed_is_the_same_history_in_another_process(playing: Simulator) -> None:
    outcome = playing.play(PROTOCOL["e3"], 7)
    order = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--variant", "e3"]
    replayed = subprocess.run(command, env=order, capture_output=True, text=True, check=True)
    *_, history, summary = replayed.stdout.splitlines()
    assert history == f"history={outcome.digest}"
    assert (
        summary == f"seeds=1 charges={outcome.charges} duplicates=0 owned={outcome.owned} operator={outcome.operator}"
    )


@pytest.mark.apart
def test_a_control_that_is_played_by_hand_ends_in_the_exit_code_of_a_broken_promise(playing: Simulator) -> None:
    seed = first_of(playing, "naive", "beyond one a voice").seed
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--variant", "naive"]
    replayed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert replayed.returncode == 1
    assert f"make simulate SEED={seed} VARIANT=naive" in replayed.stdout
