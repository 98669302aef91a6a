"""Runs one Python module in a child process that cannot outgrow its limits.

Decoders read hostile bytes; a fault in one of them must not reach the worker. The parent holds the wall clock
and ends the whole process group; the child sets its own kernel limits before it opens the file (code run between fork
and exec is unsafe in a process with threads).
"""

import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.audio.rejection import AudioRejected, AudioToolFailed, rejected

log = logging.getLogger(__name__)

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PYTHONHOME", "LD_LIBRARY_PATH")
"""Without these some Python builds do not start; the child gets nothing else of our environment."""
_STDERR_BYTES = 4000


@dataclass(frozen=True)
class ChildLimits:
    """What a child may use at most; the kernel enforces it where it knows the limit (macOS ignores memory)."""

    wall_seconds: float = 60.0
    """Three times the computing: a machine may be busy, a decoder may hang."""
    cpu_seconds: int = 20
    memory_bytes: int = 1 << 30
    """Address space, libraries included."""
    data_bytes: int = 192 << 20
    """Memory of its own, which is what a bomb would fill: the heaviest studio master needs 150 MB of it reserved."""
    file_bytes: int = 64 << 20
    """The largest file it may write: 5 min of mono sound in floating point have 58 MB."""
    open_files: int = 32


def apply_limits(limits: ChildLimits) -> None:
    """Bind this process; called by the child as its first act."""
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        # At the soft limit comes SIGXCPU, which tells the parent why; at the hard one a plain SIGKILL.
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_DATA, limits.data_bytes, limits.data_bytes),
    ):
        with suppress(ValueError, OSError):  # a lower limit is in force, or the system does not know this one
            resource.setrlimit(kind, (soft, hard))


def run_bounded(module: str, arguments: Sequence[str], workdir: Path, limits: ChildLimits) -> bytes:
    """Run `python -m module` in `workdir` and return its stdout.

    Raises `AudioRejected` where the file needed more than the limits allow, and `AudioToolFailed` where the child
    ran out of wall time or died.
    """
    with (
        tempfile.TemporaryFile(dir=workdir) as out,
        tempfile.TemporaryFile(dir=workdir) as err,
    ):
        code = _run([sys.executable, "-P", "-s", "-m", module, *arguments], workdir, limits, out, err)
        out.seek(0)
        err.seek(max(0, err.seek(0, os.SEEK_END) - _STDERR_BYTES))
        if code == 0:
            return out.read()
        log.warning("audio child ended with %s: %s", code, err.read().decode(errors="replace"))
    raise _failure(code, limits)


def _run(command: Sequence[str], workdir: Path, limits: ChildLimits, out: BinaryIO, err: BinaryIO) -> int | None:
    """Return the exit code, negative for a signal, None where the wall time ran out. Leaves no process."""
    child = subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
        command,
        cwd=workdir,
        env=child_environment(workdir),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )
    try:
        return child.wait(limits.wall_seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def child_environment(workdir: Path) -> dict[str, str]:
    """Return all that a child is told of our environment."""
    return {
        "PYTHONPATH": str(_PACKAGE_ROOT),
        # pydub asks for it when imported; the child has no program to call.
        "PATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TMPDIR": str(workdir),
        # Without it Python asks the password file where home is.
        "HOME": str(workdir),
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    }


def _failure(code: int | None, limits: ChildLimits) -> AudioRejected | AudioToolFailed:
    if code is None:
        return AudioToolFailed(
            f"the recording took longer than {limits.wall_seconds:g} s to read and was given up",
            hint="try again when the machine is less busy; if it happens again, export the recording as WAV",
        )
    if code == -signal.SIGXCPU:
        return rejected(
            "too_costly",
            f"the file needs more than {limits.cpu_seconds} s of computing to read",
            measured=f"more than {limits.cpu_seconds} s",
            allowed=f"{limits.cpu_seconds} s",
            hint="export the recording again as a plain WAV, MP3 or M4A file",
        )
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return AudioToolFailed(
        f"the reader of recordings died ({how})", hint="export the recording again, as WAV, and retry"
    )
