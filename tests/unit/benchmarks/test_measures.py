"""What measures make of what they have counted."""

from collections.abc import Mapping, Sequence

from benchmarks.frame.figures import Figure, Size
from benchmarks.ground.product import Cpu
from benchmarks.ground.provider import Calls
from benchmarks.ground.upstream import Terms
from benchmarks.measures.bulk import bulk_figures
from benchmarks.measures.catalogue import MEASURES
from benchmarks.measures.cpu import cpu_figures
from benchmarks.measures.limit import LIMITS, limit_figures
from benchmarks.measures.references import Cost, cost_figures

TERMS = Terms(1.0, 2)


def calls(*, idle: float = 0.0, refused: int = 0) -> Calls:
    """Two slots, one call each, with a pause before the second."""
    return Calls(TERMS, begun=[0, idle], ended=[1, 1 + idle], held_seconds=2.0, peak=2, refused=refused)


def by_name(figures: Sequence[Figure]) -> Mapping[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_measures_have_names_of_their_own() -> None:
    names = [measure.name for measure in MEASURES]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_slots_that_stood_idle_are_a_share_that_falls_short() -> None:
    full = by_name(limit_figures(calls(), calls(), reach=0.99, paced=False))
    idle = by_name(limit_figures(calls(idle=1.0), calls(), reach=0.99, paced=False))
    assert (full["share"].value, full["share"].is_short) == (1.0, False)
    assert (idle["share"].value, idle["share"].is_short, idle["of_script"].value) == (0.5, True, 0.5)


def test_one_refusal_is_one_too_many() -> None:
    assert not by_name(limit_figures(calls(), calls(), reach=0.9, paced=False))["refused"].is_short
    assert by_name(limit_figures(calls(refused=1), calls(), reach=0.9, paced=False))["refused"].is_short


def test_ten_thousand_lines_are_for_the_full_size_alone() -> None:
    [long_one] = [limit for limit in LIMITS if limit.lines]
    assert long_one.run(Size.QUICK) == ()


def test_a_line_costs_the_median_of_the_rounds_in_all_our_processes() -> None:
    rounds = [Cpu({"worker": seconds, "api": 0.5}, servers=0.1) for seconds in (0.5, 1.5, 9.5)]
    figures = by_name(cpu_figures(rounds, {"floor": [0.01, 0.01, 0.5], "dramatiq": [0.04]}, lines=100))
    assert (figures["ours"].value, figures["part_worker"].value, figures["servers"].value) == (20.0, 15.0, 1.0)
    assert (figures["of_floor"].value, figures["of_floor"].is_short) == (2.0, True)
    assert (figures["of_dramatiq"].value, figures["of_dramatiq"].bar) == (0.5, None)


def test_preparing_is_compared_by_the_clock_and_held_to_its_memory() -> None:
    costs = {"ours": [Cost(1.0, 1.0, 140_000_000)], "ffmpeg_normalize": [Cost(4.0, 9.0, 50_000_000)]}
    figures = by_name(cost_figures(costs))
    assert (figures["of_ffmpeg_normalize"].value, figures["of_ffmpeg_normalize"].is_short) == (0.25, False)
    assert not figures["peak"].is_short
    assert by_name(cost_figures({"ours": [Cost(1.0, 1.0, 151_000_000)]}))["peak"].is_short


def test_large_sheets_are_held_to_their_seconds_and_megabytes() -> None:
    figures = by_name(bulk_figures({"import_1m_seconds": 61.0, "import_1m_mb": 70.0, "check_1k_mb": 60.0}))
    assert (figures["import_1m_seconds"].unit, figures["import_1m_seconds"].is_short) == ("s", True)
    assert (figures["import_1m_mb"].unit, figures["import_1m_mb"].is_short) == ("MB", False)
    assert figures["check_1k_mb"].direction is None
