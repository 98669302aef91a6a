"""Plan and import of large sheets; how they are measured stands in `benchmarks/bulk.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bulk import measure
from benchmarks.frame.figures import Bar, Better, Figure, Size, at_most

BARS: Mapping[str, Bar] = {
    "plan_100k_seconds": at_most(5.0),
    "import_1m_seconds": at_most(60.0),
    "import_1m_cpu_seconds": at_most(60.0),
    "import_1m_wait_seconds": at_most(0.5),
    "import_1m_mb": at_most(300.0),
    "exponent": at_most(1.05),
}
UNITS = {"seconds": "s", "mb": "MB"}
COMPARED = "_100k_"
"""What both sizes measure, and is long enough to be compared over time."""


@dataclass(frozen=True)
class Bulk:
    """Figures by name, as they are measured there."""

    name: str = "bulk"
    about: str = "plan of 100,000 lines of which 1 % changed, import of up to 1,000,000 lines (100,000 when quick)"
    seconds: float = 90.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Measure."""
        return bulk_figures(measure(full=size is Size.FULL))


def bulk_figures(told: Mapping[str, float]) -> Sequence[Figure]:
    """Return the figures with their units, and what they have to reach."""
    return [
        Figure(
            name,
            value,
            UNITS.get(name.rpartition("_")[2], ""),
            "a straight line is 1" if name == "exponent" else "",
            BARS.get(name),
            Better.LOWER if COMPARED in name else None,
        )
        for name, value in told.items()
    ]
