"""Measure speed and size, each against something: `python -m benchmarks [--full] [--only NAME ...] [--store]`.

Compares with what is stored for machines with as many cores and says what has become worse, writes `out/bench.json`,
renders docs/performance.md, and ends with one line of `name=value` pairs. The exit code is 1 where a measure failed.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks.frame import pages, stored
from benchmarks.frame.figures import Outcome, Size
from benchmarks.frame.running import run_all
from benchmarks.measures.catalogue import MEASURES

WRITTEN = Path(__file__).parents[1] / "out" / "bench.json"


def main() -> None:
    """Run the measures that are asked for."""
    given = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(width=140 if not sys.stdout.isatty() else None)
    measures = [measure for measure in MEASURES if not given.only or measure.name in given.only]
    outcomes = run_all(measures, Size.FULL if given.full else Size.QUICK, lambda outcome: pages.show(outcome, console))
    stored.write(given.json, outcomes)
    _compare(outcomes, console)
    if given.store:
        stored.store(outcomes)
    if not given.no_page:
        pages.render(_newest(outcomes))
    print(pages.summary(outcomes))
    sys.exit(1 if any(outcome.error for outcome in outcomes) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [measure.name for measure in MEASURES]
    parser.add_argument("--full", action="store_true", help="As long as it takes: what is published. Half an hour.")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"Only these of {', '.join(names)}.")
    parser.add_argument("--store", action="store_true", help="Keep the figures as those to compare with.")
    parser.add_argument("--no-page", action="store_true", help="Leave docs/performance.md as it is.")
    parser.add_argument("--json", type=Path, default=WRITTEN, help="Where the results go (default: out/bench.json).")
    return parser.parse_args()


def _compare(outcomes: Sequence[Outcome], console: Console) -> None:
    known = stored.read_stored().get(stored.machine_class(), {})
    changes = [change for outcome in outcomes for change in stored.worse(outcome, known.get(stored.key_of(outcome)))]
    for change in changes:
        console.print(f"WORSE {change}")
    if not changes:
        console.print("Nothing is worse than stored." if known else "Nothing is stored for such a machine yet.")


def _newest(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return the outcome to be shown for each measure: of this run, else the stored one, the full size first."""
    known = stored.read_stored().get(stored.machine_class(), {})
    fresh = {outcome.measure: outcome for outcome in outcomes if outcome.figures}
    shown = []
    for measure in MEASURES:
        kept = (known.get(f"{size}.{measure.name}") for size in (Size.FULL, Size.QUICK))
        outcome = fresh.get(measure.name) or next(filter(None, kept), None)
        shown += [outcome] if outcome else []
    return shown


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that what was started is ended as well."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
