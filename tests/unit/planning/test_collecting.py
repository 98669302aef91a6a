"""Python looks for cycles rarely while long sheets pass through, and as often as before afterwards."""

import gc
from collections.abc import Iterator

import pytest

from pipeline.planning import collecting
from pipeline.planning.collecting import RARELY, Collections

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def _threshold() -> Iterator[None]:
    kept = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*kept)


def collections_while_allocating() -> int:
    before = collections()
    kept = [[number] for number in range(10_000)]
    assert len(kept) == 10_000
    return collections() - before


def collections() -> int:
    return sum(int(generation["collections"]) for generation in gc.get_stats())


def test_nothing_is_collected_while_thousands_of_rows_are_made() -> None:
    with Collections().rare():
        assert collections_while_allocating() == 0


def test_without_it_python_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the threshold that there was, the same rows are looked through many times."""
    monkeypatch.setattr(collecting, "RARELY", 0)
    with Collections().rare():
        assert collections_while_allocating() >= 10


def test_the_last_who_asked_brings_back_what_was() -> None:
    shared = Collections()
    first, second = shared.rare(), shared.rare()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == RARELY
    second.__exit__(None, None, None)
    assert gc.get_threshold() == USUAL


def test_a_failure_brings_back_what_was() -> None:
    with pytest.raises(OSError, match="disk"), Collections().rare():
        raise OSError("disk")
    assert gc.get_threshold() == USUAL


def test_who_has_turned_the_search_off_keeps_it_off() -> None:
    gc.set_threshold(0, 10, 10)
    with Collections().rare():
        assert gc.get_threshold() == (0, 10, 10)
