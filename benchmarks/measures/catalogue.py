"""All measures, in the order they are run and shown."""

from collections.abc import Sequence

from benchmarks.frame.figures import Measure
from benchmarks.measures.bulk import Bulk
from benchmarks.measures.control import Control
from benchmarks.measures.cpu import CPU
from benchmarks.measures.fairness import Fairness
from benchmarks.measures.first_take import FirstTake
from benchmarks.measures.idle import Idle
from benchmarks.measures.limit import LIMITS
from benchmarks.measures.recovery import Recovery
from benchmarks.measures.references import References
from benchmarks.measures.scaling import Scaling

MEASURES: Sequence[Measure] = (
    *LIMITS,
    *CPU,
    FirstTake(),
    Fairness(),
    Recovery(),
    Control(),
    Scaling(),
    Bulk(),
    References(),
    Idle(),
)
