"""`python -m workers.stack.forkserver CHANNEL MODULE...`: imports once what several parts need, and forks each of them.

A forked part shares the memory of what was imported and need not import it again. It is safe because this process
has one thread and no connection of its own when it forks. Whatever else happens to it costs a part nothing: parts live
on without it, and are started by themselves where it is gone.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

LARGEST_MESSAGE = 65_536
TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class Program:
    """A module to be run as `python -m` does, and what goes with it: variables beside the common ones, and its log."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    log: str

    def as_message(self) -> bytes:
        """Return it as it is sent."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_message(cls, message: bytes) -> Self:
        """Return what `as_message` has written."""
        facts = json.loads(message)
        return cls(facts["name"], tuple(facts["argv"]), facts["environment"], facts["log"])


class ForkServer:
    """Forks programs, and tells when they have ended, until the other end of its channel is closed."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        self._children: dict[int, int] = {}

    def serve(self) -> Program | None:
        """Return the program in each process that was forked for one, and None in this one at its end."""
        while True:
            for key, _ in self._selector.select():
                if key.fd in self._children:
                    self._bury(key.fd)
                    continue
                message = self._channel.recv(LARGEST_MESSAGE)
                if not message:
                    return None
                program = Program.from_message(message)
                if self._fork():
                    return program

    def _fork(self) -> bool:
        """Tell the new process from this one."""
        pid = os.fork()
        if pid == 0:
            self._let_go()
            return True
        # Opened before the child can be reaped: whoever is given it signals this process and no other.
        handle = os.pidfd_open(pid)
        self._children[handle] = pid
        self._selector.register(handle, selectors.EVENT_READ)
        self._tell({"pid": pid}, handle)
        return False

    def _let_go(self) -> None:
        """Close what is this server's: a child that held the channel would keep its other end from seeing an end."""
        self._selector.close()
        self._channel.close()
        for handle in self._children:
            os.close(handle)

    def _bury(self, handle: int) -> None:
        pid = self._children.pop(handle)
        self._selector.unregister(handle)
        os.close(handle)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._tell({"pid": pid, "code": code})

    def _tell(self, fact: dict[str, Any], *handles: int) -> None:
        with suppress(OSError):  # nobody listens any more: the next read tells
            socket.send_fds(self._channel, [json.dumps(fact).encode()], handles)


def preload(names: Iterable[str]) -> None:
    """Import modules, and call what is named `module:function`: what it leaves in memory is shared as well.

    Raises:
        RuntimeError: it has left a thread running, which no fork would carry over.
    """
    gc.disable()  # a collection leaves holes that children would fill, each with a copy of the page
    for name in names:
        module, _, function = name.partition(":")
        imported = importlib.import_module(module)
        if function:
            getattr(imported, function)()
    if len(list(TASKS.iterdir())) > 1:
        raise RuntimeError("a thread runs already: nothing can be forked")
    gc.collect()
    gc.freeze()


def become(program: Program) -> None:
    """Be the program from now on, as if this process had been started for it."""
    gc.enable()
    os.setsid()
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"cs-{program.name}")  # else `ps` and `top` tell no part from another
    os.environ.update(program.environment)
    sys.argv = list(program.argv)
    runpy.run_module(program.argv[0], run_name="__main__", alter_sys=True)


def main(arguments: Sequence[str]) -> None:
    """Serve on the channel that was handed down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(arguments[0])) as channel:
        channel.set_inheritable(False)
        preload(arguments[1:])
        program = ForkServer(channel).serve()
    if program is not None:
        become(program)


if __name__ == "__main__":
    main(sys.argv[1:])
