"""The bounded child: `python -m pipeline.audio.child REQUEST`, both the request and the answer as JSON.

Binds itself before anything else is imported, so that the limits hold for the decoders' own start as well. Once they
are loaded it gives up every file but theirs, the recording and its own folder: nothing of the recording has been read
by then.
"""

import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

from pipeline.audio.bounded import ChildLimits, apply_limits
from pipeline.audio.confine import confine

_LAZY = ("av", "numpy", "pydub")


def main() -> None:
    """Do what the request asks and write the answer to stdout."""
    request = json.loads(sys.argv[1])
    apply_limits(ChildLimits(**request["limits"]))
    # Imported under the limits, on purpose: this starts the decoders' libraries.
    from pipeline.audio.report import MEMORY_STATUS, report  # noqa: PLC0415

    source, workdir = Path(request["source"]), Path.cwd()
    confine([source, MEMORY_STATUS, *_libraries()], workdir)
    answer: dict[str, Any] = report(source, request["container"], request["rules"], workdir, request["part"])
    json.dump(answer, sys.stdout)


def _libraries() -> set[Path]:
    """Return where the libraries lie, which load parts of themselves when they are first used."""
    standard = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    installed = {Path(module.__file__).parents[1] for name in _LAZY if (module := sys.modules[name]).__file__}
    return standard | installed | {Path(__file__).parent}


if __name__ == "__main__":
    main()
