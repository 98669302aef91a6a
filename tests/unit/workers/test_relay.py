import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.provider.errors import NotSent
from pipeline.settings import Settings
from workers import relay
from workers.app import create_app
from workers.relay import CeleryPublisher, Heartbeat, run_sweeper

AT_ONCE, AT_MOST = 1.0, 5.0


@contextlib.contextmanager
def broker(answer: Callable[[socket.socket], None] | None) -> Iterator[str]:
    """Listen as a broker that does only this with a connection; nobody listens without it."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(server, answer, held), daemon=True)
        if answer is None:
            server.close()
        else:
            thread.start()
        yield f"redis://127.0.0.1:{port}/0"
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    if answer is not None:
        thread.join()
    for connection in held:
        connection.close()


def _accept(server: socket.socket, answer: Callable[[socket.socket], None] | None, held: list[socket.socket]) -> None:
    assert answer
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        held.append(connection)
        answer(connection)


def _hangs_up(connection: socket.socket) -> None:
    connection.close()


def _speaks_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _wants_a_password(connection: socket.socket) -> None:
    connection.sendall(b"-NOAUTH Authentication required.\r\n" * 4)


def _says_nothing(_connection: socket.socket) -> None:
    return


def impatient(url: str) -> Celery:
    app = create_app(Settings(broker_url=url))
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, "socket_timeout": 0.2}
    return app


BROKEN = {
    "dead": None,
    "hanging up": _hangs_up,
    "no broker": _speaks_http,
    "locked": _wants_a_password,
    "silent": _says_nothing,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_hint_to_a_broken_broker_is_dropped_at_once_and_then_muted(kind: str) -> None:
    with broker(BROKEN[kind]) as url:
        publisher = CeleryPublisher(impatient(url))
        started = time.monotonic()
        with capture_logs() as logs:
            publisher.publish("speech.speak", "take_1")
            assert time.monotonic() - started < AT_ONCE
            publisher.publish("speech.speak", "take_2")
    assert [(log["event"], log["row"]) for log in logs] == [("hint_not_sent", "take_1")]


def test_after_a_second_the_broker_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MUTE_SECONDS", 0.0)
    with broker(None) as url, capture_logs() as logs:
        publisher = CeleryPublisher(impatient(url))
        publisher.publish("speech.speak", "take_1")
        publisher.publish("speech.speak", "take_2")
    assert [log["row"] for log in logs] == ["take_1", "take_2"]
    assert {log["log_level"] for log in logs} == {"warning"}


def test_a_hint_that_is_sent_carries_the_task_and_the_row_and_nothing_else() -> None:
    app = create_app(Settings(broker_url="memory://"))
    CeleryPublisher(app).publish("speech.speak", "take_1")
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("speech")
        message = queue.get(timeout=AT_MOST)
        queue.close()
    assert message.headers["task"] == "speech.speak"
    assert message.payload[0] == ["take_1"]
    assert message.payload[1] == {}


@dataclass
class Away:
    """A database that can be away."""

    database: Database
    is_away: bool = False
    tried: Event = field(default_factory=Event)

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        if self.is_away:
            self.tried.set()
            raise OperationalError("UPDATE instances", {}, OSError("gone"))
        with self.database.write() as session:
            yield session


@pytest.fixture
def away(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Away:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    return Away(sqlite_database)


def beaten(database: Database, holder: str) -> bool:
    """Tell whether the holder beats again, after its last beat was forgotten."""
    with database.write() as session:
        session.execute(update(leases.Instance).values(beat_at=0))
    deadline = time.monotonic() + AT_MOST
    while time.monotonic() < deadline:
        with database.read() as session:
            if session.get_one(leases.Instance, holder).beat_at:
                return True
    return False


def test_a_heart_beats_on_after_its_database_was_away(away: Away) -> None:
    edge: Any = away
    heart = Heartbeat(edge)
    heart.start()
    try:
        assert beaten(away.database, heart.holder)
        away.is_away = True
        assert away.tried.wait(AT_MOST)
        away.is_away = False
        assert beaten(away.database, heart.holder)
    finally:
        heart.stop()


def test_a_heart_that_never_beat_can_be_stopped(away: Away) -> None:
    edge: Any = away
    Heartbeat(edge).stop()


class Rounds:
    """Stands in for a part of the sweeper: fails as told, and stops it after so many rounds."""

    __name__ = "sweep"

    def __init__(self, stopped: Event, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.done = 0
        self.stopped = stopped

    def __call__(self, _edge: object) -> None:
        self.done += 1
        failure = self.failures.pop(0)
        if not self.failures:
            self.stopped.set()
        if failure:
            raise failure


def test_the_sweeper_goes_on_after_a_round_that_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped = Event()
    gone, unsent = OperationalError("SELECT", {}, OSError("gone")), NotSent("refused")
    sweeps = Rounds(stopped, gone, None, unsent, None)
    markets = Rounds(Event(), unsent, None)
    monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(relay, "sweep", sweeps)
    monkeypatch.setattr(relay, "read_market", markets)
    edge: Any = None
    with capture_logs() as logs:
        run_sweeper(edge, stopped, tmp_path / "ready")
    assert (sweeps.done, markets.done) == (4, 2)
    assert [log["error"] for log in logs] == ["NotSent", "OperationalError", "NotSent"]
    assert (tmp_path / "ready").exists()


def test_the_sweeper_is_not_ready_before_a_round_went_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped = Event()
    monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(relay, "sweep", Rounds(stopped, OperationalError("SELECT", {}, OSError("gone"))))
    monkeypatch.setattr(relay, "read_market", Rounds(Event(), None))
    edge: Any = None
    run_sweeper(edge, stopped, tmp_path / "ready")
    assert not (tmp_path / "ready").exists()
