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
from tests.support import factories
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
    shared: Event = field(default_factory=Event)

    def share_slots(self) -> None:
        self.shared.set()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        if self.is_away:
            raise OperationalError("SELECT", {}, OSError("gone"))
        with self.database.read() as session:
            yield session

    @contextlib.contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:
        if self.is_away:
            self.tried.set()
            raise OperationalError("UPDATE instances", {}, OSError("gone"))
        with self.database.write(first=first) as session:
            yield session


@pytest.fixture
def away(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Away:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(relay, "SHARE_SECONDS", 0.01)
    for name in ("record_kept_answers", "store_kept_audio"):
        monkeypatch.setattr(relay, name, lambda _edge: None)
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
        assert away.shared.wait(AT_MOST)
        away.is_away = True
        assert away.tried.wait(AT_MOST)
        away.is_away = False
        assert beaten(away.database, heart.holder)
    finally:
        heart.stop()


def test_who_waits_to_give_a_slot_back_does_not_stop_the_beat(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    edge: Any = away
    released = Event()

    def wait() -> None:
        away.shared.set()
        released.wait(AT_MOST)

    monkeypatch.setattr(away, "share_slots", wait)
    heart = Heartbeat(edge)
    heart.start()
    try:
        assert away.shared.wait(AT_MOST)
        assert beaten(away.database, heart.holder)
        assert not released.is_set()
    finally:
        released.set()
        heart.stop()


def test_a_bucket_that_hangs_does_not_stop_the_beat(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    edge: Any = away
    hanging, released = Event(), Event()

    def hang(_edge: object) -> None:
        hanging.set()
        released.wait(AT_MOST)

    monkeypatch.setattr("workers.relay.KEPT_SECONDS", 0.01)
    monkeypatch.setattr("workers.relay.record_kept_answers", lambda _edge: None)
    monkeypatch.setattr("workers.relay.store_kept_audio", hang)
    heart = Heartbeat(edge)
    heart.start()
    try:
        assert hanging.wait(AT_MOST)
        assert beaten(away.database, heart.holder)
        assert not released.is_set()
    finally:
        released.set()
        heart.stop()


def test_a_heart_that_never_beat_can_be_stopped(away: Away) -> None:
    edge: Any = away
    Heartbeat(edge).stop()


class Stages:
    """Stands in for the stages of the sweeper: one by one they fail as told, and the last one ends the sweeping."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.done = 0
        self.stopped = Event()

    def __call__(self, _session: Session) -> None:
        failure = self.failures[self.done]
        self.done += 1
        if self.done == len(self.failures):
            self.stopped.set()
        if failure:
            raise failure


GONE, UNSENT, BUG = (
    OperationalError("SELECT", {}, OSError("gone")),
    NotSent("refused"),
    KeyError("a row nobody foresaw"),
)


@pytest.fixture
def sweeping(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stages]:
    """Replace the stages by some that fail as told; what is about the provider does nothing."""
    for name in ("probe_account", "read_market"):
        monkeypatch.setattr(relay, name, lambda _edge: None)
    for seconds in ("SWEEP_SECONDS", "SOON_SECONDS"):
        monkeypatch.setattr(relay, seconds, 0.0)
    monkeypatch.setattr(relay, "QUIET_ROUNDS", 1)

    def replaced(a_round: int, *failures: Exception | None) -> Stages:
        stages = Stages(*failures)
        monkeypatch.setattr(relay, "STAGES", (stages,) * a_round)
        return stages

    return replaced


@pytest.mark.parametrize("failure", [GONE, UNSENT, BUG], ids=["database", "provider", "bug"])
def test_a_stage_that_fails_is_named_and_stops_no_other(
    away: Away, sweeping: Callable[..., Stages], failure: Exception
) -> None:
    edge: Any = away
    stages = sweeping(3, None, failure, None)
    with capture_logs() as logs:
        assert not relay.sweep(edge)
    assert stages.done == 3
    assert [(log["event"], log["of"], log["error"]) for log in logs] == [
        ("sweep_failed", __name__, type(failure).__name__)
    ]


def test_without_that_care_the_stages_behind_it_wait_for_ever(
    away: Away, sweeping: Callable[..., Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge: Any = away
    stages = sweeping(3, None, BUG, None)
    monkeypatch.setattr(relay, "_attempt", lambda _what, action, *given: action(*given) or True)
    with pytest.raises(KeyError):
        relay.sweep(edge)
    assert stages.done == 2


def test_the_sweeper_goes_on_after_a_round_that_failed(
    away: Away, sweeping: Callable[..., Stages], tmp_path: Path
) -> None:
    edge: Any = away
    stages = sweeping(1, GONE, None, BUG, None)
    with capture_logs() as logs:
        run_sweeper(edge, stages.stopped, tmp_path / "ready")
    assert stages.done == 4
    assert [log["error"] for log in logs] == ["OperationalError", "KeyError"]
    assert (tmp_path / "ready").exists()


def test_the_sweeper_is_not_ready_before_a_round_went_well(
    away: Away, sweeping: Callable[..., Stages], tmp_path: Path
) -> None:
    edge: Any = away
    run_sweeper(edge, sweeping(1, BUG).stopped, tmp_path / "ready")
    assert not (tmp_path / "ready").exists()


def test_a_market_that_could_not_be_read_is_read_again_in_the_next_round(
    away: Away, sweeping: Callable[..., Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge: Any = away
    stages, reads = sweeping(1, None, None, None), iter([UNSENT, None])

    def read(_edge: object) -> None:
        failure = next(reads)
        if failure:
            raise failure

    monkeypatch.setattr(relay, "read_market", read)
    run_sweeper(edge, stages.stopped)
    assert next(reads, "both were read") == "both were read"


@pytest.mark.parametrize(("patience", "rounds_until_ready"), [(60.0, 3), (0.0, 1)])
def test_the_sweeper_is_not_ready_before_it_knows_the_market_unless_that_takes_long(
    away: Away,
    sweeping: Callable[..., Stages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patience: float,
    rounds_until_ready: int,
) -> None:
    edge: Any = away
    ready, seen = tmp_path / "ready", []
    reads = iter([UNSENT, UNSENT, None])

    def read(_edge: object) -> None:
        failure = next(reads, None)
        if failure:
            raise failure

    monkeypatch.setattr(relay, "read_market", read)
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", patience)
    run_sweeper(edge, sweeping(1, None, None, None).stopped, ready, lambda _: seen.append(ready.exists()))
    assert seen == [number >= rounds_until_ready for number in (1, 2, 3)]


def test_where_nothing_is_under_way_all_is_swept_every_tenth_round_only(
    away: Away, sweeping: Callable[..., Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge: Any = away
    monkeypatch.setattr(relay, "QUIET_ROUNDS", 10)
    rounds: list[bool] = []
    run_sweeper(edge, sweeping(1, None, None, None).stopped, after_round=rounds.append)
    assert rounds == [True] * 21


def test_a_run_under_way_is_swept_in_every_round(
    away: Away, sweeping: Callable[..., Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge: Any = away
    monkeypatch.setattr(relay, "QUIET_ROUNDS", 10)
    with away.database.write() as session:
        factories.run(session, factories.account(session))
    rounds: list[bool] = []
    run_sweeper(edge, sweeping(1, None, None, None).stopped, after_round=rounds.append)
    assert rounds == [True] * 3


def test_what_cannot_be_looked_at_is_swept(away: Away) -> None:
    edge: Any = away
    assert relay.is_quiet(edge)
    away.is_away = True
    assert not relay.is_quiet(edge)
