"""Results as people and programs read them."""

from pathlib import Path

import pytest

from benchmarks.frame import pages
from benchmarks.frame.figures import Figure, Outcome, Size, at_least, at_most

FIGURES = (
    Figure("share", 0.9312, against="the limit itself", bar=at_least(0.99)),
    Figure("wait", 0.25, "s", bar=at_most(1.0)),
    Figure("lines_per_second", 20.0, "1/s"),
)
OUTCOME = Outcome("cap8", "share of 8 calls", Size.FULL, "2026-01-01", 2, 0.5, 61.0, FIGURES)
BROKEN = Outcome("idle", "the idle stack", Size.FULL, "2026-01-01", 2, 0.5, 61.0, (), "RuntimeError: no")


def test_the_summary_is_one_line_of_what_has_something_to_reach() -> None:
    assert pages.summary([OUTCOME, BROKEN]) == "cap8_share=0.9312 cap8_wait=0.25 idle_failed=1"


def test_the_table_tells_what_falls_short_and_how_busy_the_machine_was() -> None:
    rows = pages.table([OUTCOME]).splitlines()
    assert rows[2] == "| cap8 | share | 0.931 (short) | ≥ 0.99 | the limit itself | 0.5 on 2 cores, 2026-01-01, full |"
    assert "(short)" not in rows[3]
    assert not any("lines_per_second" in row for row in rows)


def test_rendering_replaces_what_stands_between_the_markers_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    pages.render([OUTCOME], page)
    pages.render([OUTCOME], page)
    text = page.read_text()
    assert text.startswith(f"before\n{pages.BEGIN}")
    assert text.endswith(f"{pages.END}\nafter\n")
    assert text.count("| cap8 | share |") == 1
    assert "old" not in text


def test_a_page_without_a_place_for_the_figures_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{pages.BEGIN}\n")
    with pytest.raises(ValueError, match="has no place for the figures"):
        pages.render([OUTCOME], page)
    assert page.read_text() == f"before\n{pages.BEGIN}\n"


def test_the_documentation_has_a_place_for_the_figures() -> None:
    text = pages.PAGE.read_text()
    assert 0 < text.index(pages.BEGIN) < text.index(pages.END)
