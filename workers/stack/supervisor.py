"""The supervisor: starts the parts, restarts what dies, ends all of them when it is told to.

`python -m workers.stack.supervisor --home HOME --lock-fd N` reads what to run from its standard input, where secrets
are seen by nobody, and goes into the background.
"""

import argparse
import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.stack.forks import Forks
from workers.stack.keeper import Keeper
from workers.stack.lock import sign
from workers.stack.part import Part
from workers.stack.places import Places
from workers.stack.record import PartState, Record

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger(__name__)


class Supervisor:
    """Runs parts until it gets SIGTERM, SIGINT or SIGHUP.

    `on_death` is called with the part's name and the pid whenever a process ends unasked, in a thread of its own:
    the restart does not wait for it. `watch` sees the states after each change.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        places: Places,
        *,
        environment: Mapping[str, str],
        on_death: Callable[[str, int], None] | None = None,
        watch: Callable[[Sequence[PartState]], None] | None = None,
    ) -> None:
        self._record = Record(places.record)
        self._hook = on_death
        self._watch = watch
        self._states: dict[str, PartState] = {}
        self._stop = asyncio.Event()
        parts = tuple(parts)
        self._forks = Forks(
            (name for part in parts for name in part.preload),
            environment=environment,
            folder=places.home,
            log=places.supervisor_log,
        )
        self._keepers = {
            part.name: Keeper(
                part,
                places=places,
                environment=environment,
                forks=self._forks,
                changed=self._changed,
                on_death=self._tell_of_death,
            )
            for part in parts
        }

    async def run(self) -> None:
        """Run until stopped; nothing of the stack is left afterwards."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        tasks = {name: self._keep(keeper) for name, keeper in self._keepers.items()}
        await self._stop.wait()
        log.info("stopping")
        await asyncio.gather(*(self._end(keeper, tasks[name]) for name, keeper in self._keepers.items()))
        await self._forks.close()
        self._record.clear()
        log.info("stopped")

    def _keep(self, keeper: Keeper) -> asyncio.Task[None]:
        gates = [self._keepers[name].ready for name in keeper.part.starts_after]
        task = asyncio.create_task(keeper.keep(gates))
        task.add_done_callback(self._stop_on_fault)
        return task

    def _stop_on_fault(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("the supervisor itself failed and stops the stack", exc_info=error)
            self._stop.set()

    async def _end(self, keeper: Keeper, task: asyncio.Task[None]) -> None:
        for other in self._keepers.values():
            if keeper.part.name in (*other.part.starts_after, *other.part.stops_before):
                await other.ended.wait()
        await keeper.stop(task)

    def _changed(self, state: PartState) -> None:
        self._states[state.name] = state
        try:
            self._record.write(self._states)
        except OSError as error:  # a full disk must not end what still runs
            log.error("the record of running parts cannot be written: %s", error)  # noqa: TRY400 - says it all
        if self._watch:
            self._watch(tuple(self._states.values()))

    def _tell_of_death(self, part: str, pid: int) -> None:
        if self._hook:
            threading.Thread(target=_call, args=(self._hook, part, pid), daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the plan, leave the caller's process tree, and supervise."""
    parser = argparse.ArgumentParser(prog="python -m workers.stack.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--lock-fd", type=int, required=True)
    given = parser.parse_args(arguments)
    plan = json.load(sys.stdin)
    _detach()
    os.set_inheritable(given.lock_fd, False)
    sign(given.lock_fd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(_supervise(plan, Places(given.home)))


async def _supervise(plan: dict[str, Any], places: Places) -> None:
    parts = [Part.from_json(facts) for facts in plan["parts"]]
    hook = named_hook(plan["on_death"])
    await Supervisor(parts, places, environment=os.environ, on_death=hook).run()


def named_hook(name: str | None) -> Callable[[str, int], None] | None:
    """Return the function `module:function` names; its module is imported at the first death, not before."""
    if name is None:
        return None
    module, _, function = name.partition(":")

    def call(part: str, pid: int) -> None:
        getattr(importlib.import_module(module), function)(part, pid)

    return call


def _detach() -> None:
    """Become nobody's child, so that whoever started the stack has no process to wait for."""
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _call(hook: Callable[[str, int], None], part: str, pid: int) -> None:
    try:
        hook(part, pid)
    except Exception:
        log.exception("the hook told of the death of %s (pid %d) failed", part, pid)


if __name__ == "__main__":
    main()
