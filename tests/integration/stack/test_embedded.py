"""The real broker and the real S3 service, under the supervisor."""

import http.client
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
import redis
from botocore.client import Config
from botocore.exceptions import ClientError

from pipeline.settings import Settings, load_settings
from tests.support.ports import give_ports
from workers.stack.control import Stack
from workers.stack.parts.broker import Valkey
from workers.stack.parts.storage import Storage

PATIENCE = 15.0


@dataclass
class Embedded:
    home: Path
    stack: Stack
    settings: Settings


def s3(settings: Settings, secret: str | None = None) -> Any:
    assert settings.s3_access_key
    assert settings.s3_secret_key
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=secret or settings.s3_secret_key.get_secret_value(),
        config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )


def broker(settings: Settings) -> redis.Redis:
    assert settings.broker_url
    return redis.Redis(unix_socket_path=urlsplit(settings.broker_url.get_secret_value()).path)


def restarted(stack: Any, *names: str) -> None:
    """Kill these parts and wait until all are ready again."""
    before = {name: stack.state().part(name).pid for name in names}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = stack.state()
        if state.ready and all(state.part(name).pid != pid for name, pid in before.items()):
            return
        time.sleep(0.01)
    pytest.fail(f"{names} not ready again within {PATIENCE} s")


def listening(pid: int | None) -> set[str]:
    connections = psutil.Process(pid).net_connections("inet")
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, ended: Callable[[Path], None]) -> Iterator[Embedded]:
    """One broker and one S3 service for the tests that only look."""
    home = give_ports(tmp_path_factory.mktemp("h") / "h")
    stack = Stack(load_settings(home=home), recipes=(Valkey(), Storage()))
    stack.up()
    yield Embedded(home, stack, load_settings(home=home))
    ended(home)


def test_messages_and_objects_survive_kills_a_stop_and_a_start(stack: Callable[..., Stack], home: Path) -> None:
    made = stack(Valkey(), Storage())
    made.up()
    settings = load_settings(home=home)
    broker(settings).rpush("queue", "survives")
    s3(settings).put_object(Bucket=settings.s3_bucket, Key="takes/one", Body=b"speech")
    time.sleep(1.1)  # the append-only file is synced once a second, by design
    restarted(made, "valkey", "storage")
    assert broker(settings).lrange("queue", 0, -1) == [b"survives"]
    assert s3(settings).get_object(Bucket=settings.s3_bucket, Key="takes/one")["Body"].read() == b"speech"
    written = (home / "stack.json").read_text()
    made.down()
    stack(Valkey(), Storage()).up()
    assert (home / "stack.json").read_text() == written
    assert broker(settings).lrange("queue", 0, -1) == [b"survives"]
    assert s3(settings).get_object(Bucket=settings.s3_bucket, Key="takes/one")["Body"].read() == b"speech"


def test_nobody_reads_objects_without_a_signature_and_nothing_listens_beyond_loopback(embedded: Embedded) -> None:
    home, settings = embedded.home, embedded.settings
    s3(settings).put_object(Bucket=settings.s3_bucket, Key="takes/one", Body=b"speech")
    ports = json.loads((home / "ports.json").read_text())
    assert _status(ports["storage.filer"], "GET", f"/buckets/{settings.s3_bucket}/takes/one") == 401
    assert _status(ports["storage.filer"], "PUT", f"/buckets/{settings.s3_bucket}/takes/two") == 401
    assert _status(ports["storage.s3"], "GET", f"/{settings.s3_bucket}/takes/one") == 403
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3(settings, secret="wrong").list_objects_v2(Bucket=settings.s3_bucket)
    state = embedded.stack.state()
    assert listening(state.part("storage").pid) == {"127.0.0.1"}
    assert listening(state.part("valkey").pid) == set()


def test_secrets_are_private_and_in_no_command_line(embedded: Embedded) -> None:
    home = embedded.home
    assert embedded.settings.s3_secret_key
    secret = embedded.settings.s3_secret_key.get_secret_value()
    for path in ("stack.json", "storage/config/security.toml", "storage/config/identities.json"):
        assert stat.S_IMODE((home / path).stat().st_mode) == 0o600
    for folder in ("run", "logs", "valkey", "storage", "storage/config", "storage/data"):
        assert stat.S_IMODE((home / folder).stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "run" / "valkey.sock").stat().st_mode) == 0o700
    for part in embedded.stack.state().parts:
        assert secret not in " ".join(psutil.Process(part.pid).cmdline())
    assert not any(secret in log.read_text() for log in (home / "logs").iterdir())


def test_a_port_taken_by_a_stranger_is_replaced_and_the_objects_are_still_there(
    stack: Callable[..., Stack], home: Path
) -> None:
    stack(Storage()).up()
    settings = load_settings(home=home)
    s3(settings).put_object(Bucket=settings.s3_bucket, Key="takes/one", Body=b"speech")
    stack(Storage()).down()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", urlsplit(settings.s3_endpoint).port))
        stranger.listen()
        stack(Storage()).up()
    moved = load_settings(home=home)
    assert moved.s3_endpoint != settings.s3_endpoint
    assert moved.s3_secret_key == settings.s3_secret_key
    assert s3(moved).get_object(Bucket=moved.s3_bucket, Key="takes/one")["Body"].read() == b"speech"


def _status(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body=b"x" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()
