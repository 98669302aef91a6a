"""What the stack costs while nobody wants anything, and how soon it is ready."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import psutil

from benchmarks.frame.figures import Better, Figure, Size, at_most
from benchmarks.ground.processes import cpu_seconds, memory_bytes, own_cpu_seconds
from benchmarks.ground.product import until
from pipeline.settings import load_settings
from tests.support.stack import RunningStack, running_stack
from workers.stack.control import Stack
from workers.stack.record import StackState

ROUNDS = {Size.QUICK: 3, Size.FULL: 5}
REST_SECONDS = {Size.QUICK: 10.0, Size.FULL: 60.0}
SETTLE_SECONDS = 5.0
MOST_MB, LONGEST_START_SECONDS = 500.0, 5.0


@dataclass(frozen=True)
class Idle:
    """The stack as `callsheet up` starts it, with the sandbox and its plainest voice."""

    name: str = "idle"
    about: str = "the idle stack, all its servers included; and a start of it, its files being in the page cache"
    seconds: float = 60.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Start it some times, and watch it rest."""
        with running_stack(CALLSHEET_SANDBOX_ENGINE="tone") as stack:
            starts = [_restart(stack) for _ in range(ROUNDS[size])]
            time.sleep(SETTLE_SECONDS)
            share, memory = _rest(_state(stack), REST_SECONDS[size])
        return (
            Figure("memory", sum(memory.values()), "MB", bar=at_most(MOST_MB)),
            Figure("ready", median(starts), "s", bar=at_most(LONGEST_START_SECONDS)),
            Figure("cpu", share * 100, "% of a core", better=Better.LOWER),
            *(Figure(f"memory_{part}", megabytes, "MB") for part, megabytes in memory.items()),
        )


def _restart(stack: RunningStack) -> float:
    """Stop it, and return how long the command that starts it takes."""
    _done(stack, "down")
    started = time.monotonic()
    _done(stack, "up")
    seconds = time.monotonic() - started
    until(lambda: _state(stack).ready, "the stack is ready", seconds=60)
    return seconds


def _rest(state: StackState, seconds: float) -> tuple[float, dict[str, float]]:
    """Return the share of a core that is used at rest, and the megabytes of each part."""
    parts = {part.name: part.pid for part in state.parts if part.pid is not None}
    assert state.pid is not None, "the stack is not running"
    before, started = _cpu(state.pid, parts.values()), time.monotonic()
    time.sleep(seconds)
    share = (_cpu(state.pid, parts.values()) - before) / (time.monotonic() - started)
    memory = {part: memory_bytes([pid]) / 1e6 for part, pid in parts.items()}
    # What is no part, the server that forks some of them, is the supervisor's; it is above parts and below nobody.
    rest = memory_bytes([state.pid]) / 1e6 - sum(memory.values())
    return share, {**memory, "supervisor": rest}


def _cpu(supervisor: int, parts: Iterable[int]) -> float:
    servers = {process.ppid() for process in map(psutil.Process, parts)} - {supervisor}
    return sum(map(own_cpu_seconds, (supervisor, *servers))) + cpu_seconds(parts)


def _state(stack: RunningStack) -> StackState:
    return Stack(load_settings(home=stack.home)).state()


def _done(stack: RunningStack, command: str) -> None:
    ended = stack.run(command)
    if ended.code:
        raise RuntimeError(f"callsheet {command}: exit {ended.code}\n{ended.err}")
