"""The child process that listens: started, asked one take after the other, and ended with all that it has left."""

import json
import logging
import os
import select
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from pipeline.audio import ChildLimits
from pipeline.audio.bounded import child_environment
from pipeline.quality.expectation import Expectation
from pipeline.quality.limits import SECONDS_A_TAKE
from pipeline.quality.verdict import Verdict
from pipeline.scratch import Scratch

log = logging.getLogger(__name__)

_CHILD: Final = "pipeline.quality.child"
_START_SECONDS: Final = 60.0
"""The models load in half a second; a busy machine may take long."""
_MOST_ANSWER_BYTES: Final = 1 << 20
_STDERR_BYTES: Final = 2000


class ListenerDied(Exception):
    """No verdict came. `costly` where the take asked for more than any take may."""

    def __init__(self, message: str, *, costly: bool = False) -> None:
        super().__init__(message)
        self.costly = costly


class Listener:
    """One child. What it reads lies in a folder that it cannot write to; what it says is checked."""

    def __init__(self, limits: ChildLimits, *, transcribe: bool) -> None:
        self.takes = 0
        self._limits = limits
        self._scratch = Scratch()
        self._requests, work = self._scratch.path / "requests", self._scratch.path / "work"
        self._requests.mkdir()
        work.mkdir()
        self._stderr = self._scratch.path / "stderr"
        settings = {"limits": asdict(limits), "requests": str(self._requests), "transcribe": transcribe}
        stdin, self._asking = os.pipe()
        self._answers, stdout = os.pipe()
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
                [sys.executable, "-P", "-s", "-m", _CHILD, json.dumps(settings)],
                cwd=work,
                env=child_environment(work),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        os.close(stdin)
        os.close(stdout)

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002 - the field's name in every speech API
        """Return the child's verdict. Raises `ListenerDied`; the child is of no use then."""
        seconds = self._limits.wall_seconds + (0 if self.takes else _START_SECONDS)
        self.takes += 1
        request = self._requests / str(self.takes)
        take, asked = request.with_suffix(".take"), request.with_suffix(".json")
        take.write_bytes(spoken)
        asked.write_text(json.dumps({"format": format, "expected": expected.as_dict()}), encoding="utf-8")
        try:
            with suppress(BrokenPipeError):  # it has died, which reading its answer explains
                os.write(self._asking, f"{self.takes}\n".encode())
            return self._answer(time.monotonic() + seconds)
        finally:
            take.unlink()
            asked.unlink()

    def close(self) -> None:
        """End the child and remove its folder."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._asking)
        os.close(self._answers)
        self._scratch.close()

    def _answer(self, deadline: float) -> Verdict:
        (size,) = struct.unpack(">I", self._read(4, deadline))
        if size > _MOST_ANSWER_BYTES:
            raise ListenerDied("gave an answer of no sensible length")
        try:
            return Verdict.from_dict(json.loads(self._read(size, deadline)))
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise ListenerDied("gave an answer that is no verdict") from error

    def _read(self, size: int, deadline: float) -> bytes:
        read = b""
        while len(read) < size:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ListenerDied(f"gave no answer within {self._limits.wall_seconds:g} s")
            block = os.read(self._answers, size - len(read))
            if not block:
                raise self._death()
            read += block
        return read

    def _death(self) -> ListenerDied:
        code = self._process.wait()
        told = self._stderr.read_bytes()[-_STDERR_BYTES:].decode(errors="replace")
        log.warning("the quality gate's child ended with %s: %s", code, told)
        if code == -signal.SIGXCPU:
            return ListenerDied(f"it takes more than {SECONDS_A_TAKE} s of computing to listen to", costly=True)
        if "MemoryError" in told:
            return ListenerDied("it takes more memory to listen to than any take should", costly=True)
        return ListenerDied(f"died while it listened (exit code {code})")
