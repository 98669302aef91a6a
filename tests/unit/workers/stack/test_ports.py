import socket
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from workers.stack.ports import HIGHEST, LOWEST, Ports, is_free


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


def listener(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def test_a_port_stays_the_same_from_one_start_to_the_next(path: Path) -> None:
    first = Ports(path)
    chosen = first.choose("api")
    assert first.choose("api") == chosen
    first.save()
    assert Ports(path).choose("api") == chosen


def test_a_port_a_stranger_has_taken_is_replaced(path: Path) -> None:
    first = Ports(path)
    chosen = first.choose("api")
    first.save()
    with listener(chosen):
        assert not is_free(chosen)
        assert Ports(path).choose("api") != chosen


def test_no_port_can_be_taken_by_an_outgoing_connection_and_no_two_are_equal(path: Path) -> None:
    ports = Ports(path)
    chosen = [ports.choose(str(number)) for number in range(20)]
    assert len(set(chosen)) == 20
    assert all(LOWEST <= port <= HIGHEST < 32_768 for port in chosen)


def test_a_companion_is_free_and_in_the_same_range(path: Path) -> None:
    port = Ports(path).choose("admin", companion=10_000)
    assert port + 10_000 <= HIGHEST
    with listener(port + 10_000):
        ports = Ports(path)
        ports._chosen["admin"] = port
        assert ports.choose("admin", companion=10_000) != port


def test_a_port_the_user_set_is_taken_or_refused_by_name(path: Path) -> None:
    ports = Ports(path)
    free = ports.choose("any")
    assert ports.stated("CALLSHEET_API_PORT", free) == free
    with listener(free), pytest.raises(EnvironmentFault, match=f"CALLSHEET_API_PORT: port {free} is taken"):
        ports.stated("CALLSHEET_API_PORT", free)
