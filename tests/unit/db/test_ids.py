import re
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.db import ids
from pipeline.db.clock import iso
from pipeline.db.ids import ALPHABET, Numbers, new_id, new_ids


def test_an_id_names_its_kind_and_fits_its_column() -> None:
    made = new_id("take")
    assert re.fullmatch(rf"take_[{ALPHABET}]{{26}}", made)
    assert len(new_id("voice")) <= 40


def test_ids_made_later_sort_later() -> None:
    earlier = new_id("run")
    made_in = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == made_in:
        pass
    assert earlier < new_id("run")


def test_ids_do_not_repeat() -> None:
    assert len({new_id("x") for _ in range(10_000)}) == 10_000


def at(monkeypatch: pytest.MonkeyPatch, *milliseconds: int) -> None:
    """Let the clock tell these times, one after the other, and each process begin anew."""
    times = iter(milliseconds)
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: next(times) * 1_000_000))
    monkeypatch.setattr(ids, "NUMBERS", Numbers())


def test_ids_of_one_millisecond_sort_as_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, *[1_700_000_000_000] * 101)
    made = [new_id("take") for _ in range(100)] + new_ids("take", 1_000)
    assert made == sorted(made)


def test_ids_sort_as_they_were_made_when_the_clock_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_700_000_000_000, 1_600_000_000_000, 1_700_000_000_001)
    made = [new_id("take") for _ in range(3)]
    assert made == sorted(made)


def test_ids_that_threads_make_at_once_do_not_repeat() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [made for some in threads.map(lambda _: new_ids("x", 500), range(40)) for made in some]
    assert len(set(made)) == 20_000


def test_chance_alone_would_not_sort_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with a sequence of its own for each, ids of one millisecond are in any order."""
    at(monkeypatch, *[1_700_000_000_000] * 50)
    made = []
    for _ in range(50):
        monkeypatch.setattr(ids, "NUMBERS", Numbers())
        made.append(new_id("take"))
    assert made != sorted(made)


@given(st.integers(0, 4_000_000_000_000))
def test_a_stored_time_is_shown_in_utc_to_the_millisecond(milliseconds: int) -> None:
    shown = iso(milliseconds)
    assert shown is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", shown)


def test_no_time_is_shown_as_none() -> None:
    assert iso(None) is None
    assert iso(0) == "1970-01-01T00:00:00.000+00:00"
