import re
import time

from hypothesis import given
from hypothesis import strategies as st

from pipeline.db.clock import iso
from pipeline.db.ids import ALPHABET, new_id


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


@given(st.integers(0, 4_000_000_000_000))
def test_a_stored_time_is_shown_in_utc_to_the_millisecond(milliseconds: int) -> None:
    shown = iso(milliseconds)
    assert shown is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", shown)


def test_no_time_is_shown_as_none() -> None:
    assert iso(None) is None
    assert iso(0) == "1970-01-01T00:00:00.000+00:00"
