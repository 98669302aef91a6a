"""Promises of the product, each kept before one's eyes by a running stack and the sandbox.

    python -m benchmarks.promises            # all of them
    python -m benchmarks.promises barks eta  # these

Ends with one line of `key=value` pairs, and with exit code 1 where a promise is broken. docs/acceptance.md says what
each stands for.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.promises import barks, cast, eta, names, resume
from benchmarks.promises.report import Report
from tests.support.stack import RunningStack, running_stack

Promise = Callable[[RunningStack, Path, Report], None]
TONE = {"CALLSHEET_SANDBOX_ENGINE": "tone"}
"""No speech, and there at once: none of these promises is about sound."""
PROMISES: Mapping[str, Promise] = {
    "barks": barks.keep,
    "names": names.keep,
    "cast": cast.keep,
    "resume": resume.keep,
    "eta": eta.keep,
}


def main() -> None:
    """Keep the promises that are asked for, each with a stack of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises", description=__doc__)
    parser.add_argument("promises", nargs="*", choices=[*PROMISES, []], help=", ".join(PROMISES))
    asked = parser.parse_args().promises or list(PROMISES)
    report = Report()
    for name in asked:
        begun = time.monotonic()
        with running_stack(**TONE) as stack, tempfile.TemporaryDirectory(prefix="cs-promise-") as folder:
            PROMISES[name](stack, Path(folder) / name, report)
        report.figures[f"{name}_seconds"] = round(time.monotonic() - begun, 1)
    print(report.line(cores=os.cpu_count()))
    sys.exit(1 if report.broken else 0)


if __name__ == "__main__":
    main()
