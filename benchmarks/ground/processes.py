"""What processes have cost: CPU seconds and memory, as the kernel counts them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds these processes and their living children have used, those of ended children included."""
    return sum(_with_ended_children(process) for pid in pids for process in _family(pid))


def own_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of one process alone."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_bytes(pids: Iterable[int]) -> int:
    """Return the memory these processes and their children use, shared pages divided among those that share them."""
    return sum(own_memory_bytes(process.pid) for pid in pids for process in _family(pid))


def own_memory_bytes(pid: int) -> int:
    """Return the memory of one process alone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "Pss":
                return int(rest.split()[0]) * 1024
    return 0


def load() -> float:
    """Return how many processes have wanted to run on average in the last minute."""
    return os.getloadavg()[0]


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _with_ended_children(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0
