import asyncio
from pathlib import Path

import pytest

from workers.stack.ports import Ports
from workers.stack.probes import BucketProbe, FileProbe, HttpProbe, PingProbe


@pytest.fixture
def port(tmp_path: Path) -> int:
    return Ports(tmp_path / "ports.json").choose("any")


async def answered(answer: bytes, port: int, probe: HttpProbe | BucketProbe) -> bool:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        return await probe.passed()


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"garbage", False),
        (b"", False),
    ],
)
def test_http_is_ready_when_it_answers_200(answer: bytes, ready: bool, port: int) -> None:  # noqa: FBT001 - a table
    assert asyncio.run(answered(answer, port, HttpProbe(port, "/v1/health"))) is ready


def test_nothing_is_ready_where_nobody_listens(port: int, tmp_path: Path) -> None:
    assert not asyncio.run(HttpProbe(port, "/").passed())
    assert not asyncio.run(PingProbe(str(tmp_path / "v.sock")).passed())
    assert not asyncio.run(BucketProbe(port, port, "b", "k", "s", "us-east-1").passed())


@pytest.mark.parametrize(
    ("answer", "ready"), [(b"+PONG\r\n", True), (b"-LOADING Valkey is loading\r\n", False), (b"", False)]
)
def test_the_broker_is_ready_when_it_has_loaded_its_log(answer: bytes, ready: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a table
    socket = str(tmp_path / "v.sock")

    async def ask() -> bool:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            writer.close()

        async with await asyncio.start_unix_server(serve, socket):
            return await PingProbe(socket).passed()

    assert asyncio.run(ask()) is ready


def test_storage_is_not_ready_before_it_knows_its_volumes(port: int) -> None:
    bare = b'HTTP/1.0 200 OK\r\n\r\n{"Topology":{"Max":0,"DataCenters":[]}}'
    probe = BucketProbe(port, port, "b", "k", "s", "us-east-1")
    assert not asyncio.run(answered(bare, port, probe))
    known = b'HTTP/1.0 200 OK\r\n\r\n{"Racks":[{"DataNodes":[{"Url":"127.0.0.1:1"}]}]}'
    assert asyncio.run(answered(known, port, probe))


def test_a_file_an_earlier_process_left_says_nothing(tmp_path: Path) -> None:
    probe = FileProbe(str(tmp_path / "ready"))
    probe.arm()
    (tmp_path / "ready").touch()
    assert asyncio.run(probe.passed())
    probe.arm()
    assert not asyncio.run(probe.passed())
