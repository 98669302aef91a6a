"""Asks the fork server for processes and watches them; they outlive it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from workers.stack.forkserver import LARGEST_MESSAGE, Program

MODULE = "workers.stack.forkserver"
UNSEEN_END = -int(signal.SIGKILL)
"""What is said of a process whose end the fork server did not live to see."""


class NoForks(OSError):
    """Nothing can be forked: the fork server is away, or this system has none."""


def can_fork() -> bool:
    """Tell whether processes can be forked and watched here: on macOS its own libraries do not bear a fork."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # an old kernel, or a sandbox that does not know the call
        return False
    return True


class Forked:
    """A process that was forked, as `asyncio.subprocess.Process` would show it."""

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self._handle = handle
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        return await asyncio.shield(self._code)

    def terminate(self) -> None:
        """Ask it to end; raises `ProcessLookupError` where it has."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it; raises `ProcessLookupError` where it has ended."""
        self._send(signal.SIGKILL)

    def ended(self, code: int) -> None:
        """Note that it has ended."""
        if not self._code.done():
            self._code.set_result(code)
            os.close(self._handle)

    def watch_alone(self) -> None:
        """Notice its end from now on without the fork server, which is away."""
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(self._handle)
            self.ended(UNSEEN_END)

        if not self._code.done():
            loop.add_reader(self._handle, gone)

    def _send(self, number: signal.Signals) -> None:
        if self._code.done():
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self._handle, number)


class Forks:
    """One fork server, started at the first wish, and the processes it has forked."""

    def __init__(self, preload: Iterable[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._preload = tuple(dict.fromkeys(preload))
        self._environment = environment
        self._folder = folder
        self._log = log
        self._lock = asyncio.Lock()
        self._channel: socket.socket | None = None
        self._server: Process | None = None
        self._is_lost = not can_fork()
        self._asked: deque[asyncio.Future[Forked]] = deque()
        self._living: dict[int, Forked] = {}

    async def start(self, program: Program) -> Forked:
        """Fork a process for a program; raises `NoForks`.

        The first waits until everything is imported.
        """
        message = program.as_message()
        if len(message) > LARGEST_MESSAGE:
            raise NoForks("the variables of a part are too long for a message")
        async with self._lock:
            if self._channel is None and not self._is_lost:
                await self._open()
        if self._is_lost or self._channel is None:
            raise NoForks("there is no fork server")
        answer: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        try:
            self._channel.send(message)
        except OSError as error:
            self._lose()
            raise NoForks("the fork server is away") from error
        return await answer

    async def close(self) -> None:
        """End the fork server; what it has forked lives on."""
        if not self._is_lost:
            self._lose()
        if self._server is not None:
            await self._server.wait()

    async def _open(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as unless_done, theirs, self._log.open("ab") as output:
            unless_done.callback(ours.close)
            self._server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE, str(theirs.fileno()), *self._preload),
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                env=self._environment,
                cwd=self._folder,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                umask=0o077,
            )
            unless_done.pop_all()
        ours.setblocking(False)
        self._channel = ours
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def _hear(self) -> None:
        if self._channel is None:
            return
        try:
            message, handles, _, _ = socket.recv_fds(self._channel, LARGEST_MESSAGE, 1)
        except BlockingIOError:
            return
        except OSError:
            message, handles = b"", []
        if not message:
            self._lose()
            return
        fact = json.loads(message)
        if "code" in fact:
            self._living.pop(fact["pid"]).ended(fact["code"])
        else:
            self._living[fact["pid"]] = child = Forked(fact["pid"], handles[0])
            asked = self._asked.popleft()
            if asked.done():  # whoever asked has been told to stop meanwhile
                child.kill()
            else:
                asked.set_result(child)

    def _lose(self) -> None:
        """Do without the fork server from now on."""
        self._is_lost = True
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None
        while self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(NoForks("the fork server has ended"))
        for child in self._living.values():
            child.watch_alone()
        self._living = {}
