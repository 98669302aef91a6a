"""A process named so that no other is ever taken for it: its id together with when it was created."""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import psutil

CREATION_TOLERANCE_SECONDS = 0.05
ESCALATION_SECONDS = 5.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Identity:
    """A process, safe against its id being used again.

    `created` is in seconds since the machine started, not of the wall clock, which may be set while the
    process lives.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name a living process; `psutil.NoSuchProcess` where there is none."""
        return cls(pid, _created(psutil.Process(pid)))

    @classmethod
    def own(cls) -> Self:
        """Name this process."""
        return cls.of(os.getpid())

    def process(self) -> psutil.Process | None:
        """Return the process while it lives; none once it ended or its id went to another."""
        try:
            found = psutil.Process(self.pid)
            same = abs(_created(found) - self.created) <= CREATION_TOLERANCE_SECONDS
            return found if same and _runs(found) else None
        except psutil.NoSuchProcess:
            return None

    def alive(self) -> bool:
        """Tell whether exactly this process still runs."""
        return self.process() is not None


def end(identities: Iterable[Identity], grace: float) -> None:
    """Ask these processes to end, and kill those that are still there after `grace` seconds."""
    found = [process for identity in identities if (process := identity.process())]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    stubborn = _outlasting(found, grace)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _outlasting(stubborn, ESCALATION_SECONDS)


def _outlasting(found: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes to end and return those that have not.

    psutil's own wait counts a zombie as running, and the parent that would collect it is not this process.
    """
    deadline = time.monotonic() + seconds
    while (running := [process for process in found if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _created(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()
