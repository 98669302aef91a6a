"""Ports of this machine for servers that must be told one before they start.

A port is free between the search and the start, so each process that runs tests searches in a range of its own.
"""

import contextlib
import os
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from workers.stack.files import private_folder, write_private_json

# Below the range the kernel hands to outgoing connections, so that none of those takes a port picked here, and
# between the two where a stack looks for the storage's admin port and for its twin 10,000 above.
LOWEST, HIGHEST = 23_000, 30_000
STACK_PORTS = (
    *("api", "flower", "sandbox", "worker.metrics", "sweeper.metrics"),
    *(f"storage.{server}{protocol}" for server in ("master", "volume", "filer", "s3") for protocol in ("", ".grpc")),
)


def free_ports(count: int) -> Sequence[int]:
    """Return ports of the loopback interface that nothing listens on; all are held while the search lasts."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        own = _own_range()
        for port in random.SystemRandom().sample(own, k=min(20 * count + 200, len(own))):
            if len(ports) == count:
                break
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
        if len(ports) < count:
            raise RuntimeError(f"no {count} free ports between {own.start} and {own.stop} on 127.0.0.1")
        return ports


def free_port() -> int:
    """Return one port that nothing listens on."""
    return free_ports(1)[0]


def give_ports(home: Path) -> Path:
    """Choose the ports of the stack that will live in this folder, as an earlier start would have."""
    ports = dict(zip(STACK_PORTS, free_ports(len(STACK_PORTS)), strict=True))
    write_private_json(private_folder(home) / "ports.json", ports)
    return home


def _own_range() -> range:
    """Return the share of this process among those that pytest-xdist has started, or all."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    width = (HIGHEST - LOWEST) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(LOWEST + number * width, LOWEST + (number + 1) * width)
