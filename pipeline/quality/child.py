"""The bounded child: `python -m pipeline.quality.child SETTINGS`, takes judged one after the other.

Binds itself before anything else is imported, then loads its models, then gives up every file but the libraries and the
requests. A request is a number on stdin: the take and its expectation lie in the folder of requests under that number.
An answer is its length in four bytes and a verdict as JSON. The child does not outlive its parent's end of the pipe.
"""

import json
import os
import resource
import struct
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

from pipeline.audio.bounded import ChildLimits, apply_limits
from pipeline.audio.confine import confine
from pipeline.quality.limits import SECONDS_A_TAKE

_LAZY: Final = ("av", "numpy")
_NICENESS: Final = 5
"""Listening can wait; the calls that are made beside it are paced by a provider's clock."""


def main() -> None:
    """Judge what is asked for until nobody asks any more."""
    settings = json.loads(sys.argv[1])
    apply_limits(ChildLimits(**settings["limits"]))
    os.nice(_NICENESS)
    answers = _own_stdout()
    # Imported under the limits, on purpose: this starts the decoders' libraries.
    from pipeline.quality.examining import Examination  # noqa: PLC0415

    confine([Path(settings["requests"]), Path("/proc/self/status"), *_libraries()], Path.cwd())
    examination = Examination(transcribe=settings["transcribe"])
    for number in sys.stdin:
        _grant_seconds()
        verdict = _judged(examination, Path(settings["requests"]) / number.strip())
        answer = json.dumps(verdict).encode()
        answers.write(struct.pack(">I", len(answer)) + answer)
        answers.flush()


def _judged(examination: Any, request: Path) -> dict[str, Any]:  # noqa: ANN401 - its type is imported under the limits
    from pipeline.quality.expectation import Expectation  # noqa: PLC0415 - as in `main`

    asked = json.loads(request.with_suffix(".json").read_text(encoding="utf-8"))
    expected = Expectation.from_dict(asked["expected"])
    verdict: dict[str, Any] = examination.judge(
        request.with_suffix(".take").read_bytes(), asked["format"], expected
    ).as_dict()
    return verdict


def _own_stdout() -> Any:  # noqa: ANN401 - a binary file
    """Keep stdout for answers: what a library prints goes to stderr."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def _grant_seconds() -> None:
    """Let each take have its computing time; the hard limit of all takes together stands."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(int(used.ru_utime + used.ru_stime) + SECONDS_A_TAKE, hard), hard))


def _libraries() -> set[Path]:
    """Return where the libraries lie, and the models in them, which are loaded when they are first used."""
    standard = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    installed = {Path(module.__file__).parents[1] for name in _LAZY if (module := sys.modules[name]).__file__}
    return standard | installed | {Path(__file__).parents[1]}


if __name__ == "__main__":
    main()
