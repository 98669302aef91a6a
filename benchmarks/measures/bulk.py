"""Plan and import of large sheets; how they are measured stands in `benchmarks/bulk.py`."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.frame.figures import Bar, Better, Figure, Size, at_most

MODULE = "benchmarks.bulk"
BARS: dict[str, Bar] = {
    "plan_100k_seconds": at_most(5.0),
    "import_1m_seconds": at_most(60.0),
    "import_1m_mb": at_most(300.0),
    "exponent": at_most(1.05),
}


@dataclass(frozen=True)
class Bulk:
    """Figures by name, as they are measured there."""

    name: str = "bulk"
    about: str = "plan of 100,000 lines with 1 % changed, import of up to 1,000,000"
    seconds: float = 90.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Measure, unless there is nothing to measure with."""
        if importlib.util.find_spec(MODULE) is None:
            return ()
        figures: dict[str, float] = importlib.import_module(MODULE).measure(full=size is Size.FULL)
        return [Figure(name, value, bar=BARS.get(name), better=Better.LOWER) for name, value in figures.items()]
