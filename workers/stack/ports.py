"""Ports on loopback, chosen once and kept, so that URLs stay the same from one start to the next."""

import random
import socket
from pathlib import Path

from pipeline.errors import EnvironmentFault
from workers.stack.files import read_json, write_private_json

LOOPBACK = "127.0.0.1"
# Below the range outgoing connections take their ports from (Linux 32768, macOS 49152). A port out of that
# range can go to any client while its server restarts; a client that retries can even connect to itself.
LOWEST, HIGHEST = 20_000, 32_767
ATTEMPTS = 200


class Ports:
    """The ports by name, kept in a file of the home folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chosen: dict[str, int] = read_json(path)
        self._checked: set[str] = set()

    def stated(self, variable: str, port: int) -> int:
        """Return a port the user has set.

        Raises:
            EnvironmentFault: another program listens there.
        """
        if not is_free(port):
            raise EnvironmentFault(
                f"{variable}: port {port} is taken by another program",
                hint=f"End that program, set {variable} to another port, or unset it to have a free one chosen.",
                port=port,
            )
        return port

    def choose(self, name: str, *, companion: int = 0) -> int:
        """Return the port of this name; a new one where it has none, or a stranger has taken it.

        With `companion` the port that many above is free too.
        """
        if name not in self._checked:
            known = self._chosen.get(name)
            if known is None or not _suits(known, companion):
                self._chosen[name] = self._new(companion)
            self._checked.add(name)
        return self._chosen[name]

    def save(self) -> None:
        """Keep the choice for the next start."""
        write_private_json(self._path, self._chosen)

    def _new(self, companion: int) -> int:
        for _ in range(ATTEMPTS):
            port = random.randint(LOWEST, HIGHEST - companion)  # noqa: S311 - a port is no secret
            if port not in self._chosen.values() and _suits(port, companion):
                return port
        raise EnvironmentFault(
            f"no free port on {LOOPBACK} between {LOWEST} and {HIGHEST} in {ATTEMPTS} attempts",
            hint="End programs that listen there, and start again.",
        )


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now; connections still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _suits(port: int, companion: int) -> bool:
    return is_free(port) and (not companion or is_free(port + companion))
