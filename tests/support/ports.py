"""Ports of this machine for servers that must be told one before they start."""

import contextlib
import random
import socket
from collections.abc import Sequence

# Below the range the kernel hands to outgoing connections, so that none of those takes a port picked here.
LOWEST, HIGHEST = 20_000, 32_000


def free_ports(count: int) -> Sequence[int]:
    """Return ports of the loopback interface that nothing listens on; all are held while the search lasts."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for port in random.SystemRandom().sample(range(LOWEST, HIGHEST), k=20 * count + 200):
            if len(ports) == count:
                break
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
        if len(ports) < count:
            raise RuntimeError(f"no {count} free ports between {LOWEST} and {HIGHEST} on 127.0.0.1")
        return ports


def free_port() -> int:
    """Return one port that nothing listens on."""
    return free_ports(1)[0]
