"""Break everything every few seconds while a production is made, and count what was lost or paid twice.

    python -m benchmarks.chaos --seed 1 --database postgresql

Ends with one line of `key=value` pairs, and with exit code 1 where a promise was broken. `--naive` is the control: a
stack that sends a paid call again when its outcome is unknown.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.trial import Size, load, try_out
from benchmarks.chaos.weather import weather
from tests.support.faults.naive import naive_environment


def main() -> None:
    """Run one seed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="Chooses the faults and their order.")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--lines", type=int, default=3_000)
    parser.add_argument("--clones", type=int, default=50)
    parser.add_argument("--every", type=float, default=3.0, help="Seconds from fault to fault.")
    parser.add_argument("--naive", action="store_true", help="Without the protection: it has to fail.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cs-naive-") as folder:
        environment = naive_environment(Path(folder)) if given.naive else {}
        faults = weather(given.seed, every=given.every)
        result = try_out(given.database, Size(given.lines, given.clones), faults, environment)
    broken = result.broken_promises()
    print(
        f"seed={given.seed} database={given.database} naive={given.naive} workers=2 kills={result.kills}"
        f" lost_answers={result.lost_answers} written_off={result.written_off}"
        f" too_much_micros={result.too_much_micros} cores={os.cpu_count()} load={load():.1f}"
    )
    for promise in broken:
        print(f"BROKEN: {promise}")
    print(result.summary())
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
