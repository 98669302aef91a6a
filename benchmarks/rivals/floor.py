"""`python -m benchmarks.rivals.floor FIRST COUNT`: a thread pool and nothing else. The floor of what a line can cost.

Writes the CPU seconds of the lines to stdout, the start of the program not among them.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.rivals.errand import Address, Errands

WARM = 20


def main() -> None:
    """Speak the lines; the first few only open the connections."""
    first, count = map(int, sys.argv[1:])
    address = Address.told()
    errands = Errands(address)
    with ThreadPoolExecutor(address.threads) as pool:
        list(pool.map(errands.speak, range(first, first + WARM)))
        before = sum(os.times()[:2])
        list(pool.map(errands.speak, range(first + WARM, first + count)))
        sys.stdout.write(f"{(sum(os.times()[:2]) - before) / (count - WARM)}\n")


if __name__ == "__main__":
    main()
