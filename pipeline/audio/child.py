"""The bounded child: `python -m pipeline.audio.child REQUEST`, both the request and the answer as JSON.

Binds itself before anything else is imported, so that the limits hold for the decoders' own start as well.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pipeline.audio.bounded import ChildLimits, apply_limits


def main() -> None:
    """Do what the request asks and write the answer to stdout."""
    request = json.loads(sys.argv[1])
    apply_limits(ChildLimits(**request["limits"]))
    # Imported under the limits, on purpose: this starts the decoders' libraries.
    from pipeline.audio.report import report  # noqa: PLC0415

    answer: dict[str, Any] = report(Path(request["source"]), request["container"], request["rules"], Path.cwd())
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
