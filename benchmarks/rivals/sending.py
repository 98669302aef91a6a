"""`python -m benchmarks.rivals.sending MODULE FIRST COUNT`: sends lines to a rival's queue.

Writes what that has cost to stdout, in CPU seconds a line; the first one, which connects, does not count.
"""

import os
import sys
from importlib import import_module


def main() -> None:
    """Send the lines."""
    module, *numbers = sys.argv[1:]
    first, count = map(int, numbers)
    with import_module(module).sender() as send:
        send(first)
        before = sum(os.times()[:2])
        for line in range(first + 1, first + count):
            send(line)
        sys.stdout.write(f"{(sum(os.times()[:2]) - before) / (count - 1)}\n")


if __name__ == "__main__":
    main()
