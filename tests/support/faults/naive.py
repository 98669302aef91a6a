"""What others do: send a paid call again when its outcome is unknown. The control of every proof that it happens once.

`sitecustomize` runs before any program of ours, so that the worker and the sweeper of a real stack can be made so.
"""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from pipeline.voices.models import Attempt
from pipeline.voices.service import settling, sweeping

PROGRAMS = ("workers.stack.forkserver", "workers.serving.worker", "workers.serving.sweeper")
"""Whatever is forked is what the fork server is."""
SITECUSTOMIZE = f"""
import sys
if any(word in {PROGRAMS!r} for word in sys.orig_argv):
    from tests.support.faults import naive
    naive.install()
"""


def naive_environment(folder: Path) -> Mapping[str, str]:
    """Return the variables that make a stack naive; `folder` is to be empty."""
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return {"PYTHONPATH": str(folder)}


def install() -> None:
    """Take every doubt for the proof that nothing has happened."""
    for module in (settling, sweeping):
        module.doubt = _send_again  # type: ignore[attr-defined]


def _send_again(session: Session, attempt: Attempt, kind: str, message: str, **_told: object) -> None:
    settling.disprove(session, attempt, kind, message)
