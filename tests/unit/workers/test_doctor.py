import os
import re
import shutil
import socket
import sys
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import httpx
import pytest

from pipeline import wiring
from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.ledger import provider_account
from pipeline.ledger.provider_account import Block
from pipeline.provider.errors import AccountBlocked
from pipeline.settings import Settings
from pipeline.storage.local import LocalStore
from pipeline.storage.port import StoreRefused
from pipeline.voices.models import Orphan
from tests.support import certificates, factories
from tests.support.fakes import ScriptedProvider
from workers.app import QUEUES, create_app
from workers.doctor import Doctor, Finding
from workers.stack.places import Places
from workers.stack.processes import Identity
from workers.stack.record import PartState, Record

PARTS = [
    *("python", "gate", "signing", "disk", "spool", "database", "clock", "broker", "bucket", "provider", "breaker"),
    *("api", "flower", "metrics", "worker", "queues", "sweeper", "doubts"),
]
WELL = {"python", "gate", "signing", "disk", "spool", "flower", "metrics"}
"""What a bare machine has to offer, or need not have."""
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - what shutil returns


@pytest.fixture
def dead() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def examine(
    queues: tuple[str, ...] = QUEUES, info: dict[str, Any] | None = None, **settings: Any
) -> dict[str, Finding]:
    given = Settings(**settings)
    app = create_app(given)
    if "broker_url" in settings:
        # A broker that is away is tried twice, two seconds apart.
        app.connection_for_write = _Connection(given, info or {"aof_enabled": 1, "maxmemory_policy": "noeviction"})
        served = {"callsheet@here": [{"name": name} for name in queues]} if queues else None
        app.control = SimpleNamespace(inspect=lambda **_: SimpleNamespace(active_queues=lambda: served))
    return {finding.part: finding for finding in Doctor(given, app).findings()}


class _Connection:
    def __init__(self, settings: Settings, info: dict[str, Any]) -> None:
        self.url = settings.broker_url.get_secret_value() if settings.broker_url else ""
        self.default_channel = SimpleNamespace(client=SimpleNamespace(info=lambda: info))

    def __call__(self) -> "_Connection":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def ensure_connection(self, **_: object) -> None:
        if "dead" in self.url:
            raise ConnectionRefusedError("Connection refused")


def test_on_a_bare_machine_every_part_is_looked_at_and_each_fault_names_its_fix(tmp_path: Path) -> None:
    found = examine(home=tmp_path / "not" / "there")
    assert list(found) == PARTS
    assert {part for part, finding in found.items() if finding.ok} == WELL
    for part, finding in found.items():
        assert finding.message, part
        assert finding.ok or finding.fix, part
    for part in ("database", "broker", "bucket", "provider", "api"):
        assert "callsheet up" in found[part].fix


def test_a_stack_that_is_well_has_nothing_to_fix(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = LocalStore(tmp_path / "bucket")
    bucket.ensure_bucket()
    with sqlite_database.write() as session:
        leases.join(session)
        leases.join(session, leases.SWEEPER)
    monkeypatch.setattr(wiring, "store", lambda _: bucket)
    monkeypatch.setattr(wiring, "provider", lambda _: ScriptedProvider())
    monkeypatch.setattr(httpx, "get", lambda url, **_: _answer(url, json={"status": "ok", "provider": "stage"}))
    found = examine(
        home=tmp_path,
        database_url=str(sqlite_database.url),
        broker_url="redis://alive",
        flower_url="http://flower.invalid",
        api_url="http://api.invalid",
        s3_endpoint="http://bucket.invalid",
    )
    assert {part: finding.message for part, finding in found.items() if not finding.ok} == {}
    assert [finding.fix for finding in found.values()] == [""] * len(PARTS)
    assert found["provider"].message == "stage: $50.00 left, tier stage, 8 calls at once"
    assert found["worker"].message == "1 alive"
    assert found["sweeper"].message == "1 alive"
    assert list(bucket.list("doctor/")) == []


def _answer(url: str, **content: Any) -> httpx.Response:
    return httpx.Response(200, request=httpx.Request("GET", url), **content)


def test_a_full_disk_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**8))
    finding = examine(home=tmp_path)["disk"]
    assert (finding.ok, finding.message) == (False, "0.1 GB free")
    assert "CALLSHEET_HOME" in finding.fix


def test_who_signs_is_told_with_until_when_and_that_nobody_stamps(tmp_path: Path) -> None:
    assert "no certificate is set" in examine()["signing"].message
    studio = certificates.signer(tmp_path)
    finding = examine(signing_certificate=studio.certificate, signing_key=studio.key)["signing"]
    assert finding.ok
    assert re.fullmatch(r"signs as Harbour Studio until 20\d\d-\d\d-\d\d; no time-stamp .* is set", finding.message)


@pytest.mark.parametrize(("days", "message"), [(5, "expires on 20"), (-1, "expired on 20")])
def test_a_certificate_that_ends_soon_is_told_with_its_setting(tmp_path: Path, days: int, message: str) -> None:
    studio = certificates.signer(tmp_path, ends_in_days=days)
    finding = examine(signing_certificate=studio.certificate, signing_key=studio.key)["signing"]
    assert (finding.ok, message in finding.message) == (False, True)
    assert "renewed" in finding.fix


def test_a_certificate_without_its_key_or_the_extra_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = certificates.signer(tmp_path)
    assert "CALLSHEET_SIGNING_KEY" in examine(signing_certificate=studio.certificate)["signing"].message
    monkeypatch.setitem(sys.modules, "c2pa", None)
    finding = examine(signing_certificate=studio.certificate, signing_key=studio.key)["signing"]
    assert (finding.ok, "pip install 'callsheet[provenance]'" in finding.fix) == (False, True)


def test_a_database_that_is_away_hides_no_other_part(dead: int) -> None:
    found = examine(database_url=f"postgresql+psycopg://user@127.0.0.1:{dead}/x")
    assert "CALLSHEET_DATABASE_URL" in found["database"].fix
    assert not found["worker"].ok
    assert "database" in found["worker"].fix
    assert list(found) == PARTS


@pytest.mark.parametrize("url", ["nonsense", "mysterious://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_opened_is_a_finding(url: str) -> None:
    found = examine(database_url=url)
    assert not found["database"].ok
    assert found["database"].fix
    assert list(found) == PARTS


def test_a_schema_of_another_version_is_migrated_by_up(tmp_path: Path) -> None:
    finding = examine(database_url=f"sqlite:///{tmp_path / 'bare.db'}")["database"]
    assert "schema" in finding.message
    assert "callsheet up" in finding.fix


def test_no_worker_is_told_with_how_to_start_one(sqlite_database: Database) -> None:
    finding = examine(database_url=str(sqlite_database.url))["worker"]
    assert (finding.ok, finding.message) == (False, "no worker is alive")
    assert "callsheet worker" in finding.fix


def test_a_broker_that_is_away_is_told_with_its_setting() -> None:
    finding = examine(broker_url="redis://dead")["broker"]
    assert (finding.ok, finding.message) == (False, "Connection refused")
    assert "CALLSHEET_BROKER_URL" in finding.fix


@pytest.mark.parametrize(("runs", "fix"), [("valkey", "callsheet down"), ("api", "CALLSHEET_BROKER_URL")])
def test_a_part_of_the_stack_here_that_hangs_is_to_be_started_anew(tmp_path: Path, runs: str, fix: str) -> None:
    places = Places(tmp_path / "home")
    places.make()
    own = Identity.own()
    Record(places.record).write({runs: PartState(runs, pid=own.pid, created=own.created)})
    finding = examine(broker_url="redis://dead", home=places.home)["broker"]
    assert fix in finding.fix
    assert ("valkey.log" in finding.fix) == (runs == "valkey")


def test_a_bucket_that_refuses_is_told_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bucket:
        def put(self, *_: object, **__: object) -> None:
            raise StoreRefused("The secret key is wrong.")

    monkeypatch.setattr(wiring, "store", lambda _: Bucket())
    finding = examine()["bucket"]
    assert (finding.ok, finding.message) == (False, "The secret key is wrong.")
    assert "CALLSHEET_S3_ENDPOINT" in finding.fix


def test_a_provider_that_refuses_the_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "provider", lambda _: ScriptedProvider(balance=AccountBlocked("The key is unknown.")))
    finding = examine()["provider"]
    assert (finding.ok, finding.message) == (False, "The key is unknown.")
    assert "key" in finding.fix


def test_a_missing_key_names_its_variable() -> None:
    assert "KYMA_API_KEY" in examine(provider="kyma")["provider"].fix


def test_an_api_that_is_away_is_told_with_its_log(dead: int) -> None:
    finding = examine(api_url=f"http://127.0.0.1:{dead}")["api"]
    assert "ConnectError" in finding.message
    assert "api.log" in finding.fix


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", "null"])
def test_another_server_in_the_place_of_the_api_is_told(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(httpx, "get", lambda url, **_: _answer(url, text=body))
    finding = examine(api_url="http://other.invalid")["api"]
    assert "not this API" in finding.message
    assert "CALLSHEET_API_URL" in finding.fix


def test_a_bucket_in_which_the_last_writer_wins_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(LocalStore):
        def put(self, key: str, body: bytes | Path, **options: Any) -> None:
            self.delete(key)
            super().put(key, body, **options)

    bucket = Careless(tmp_path / "bucket")
    bucket.ensure_bucket()
    monkeypatch.setattr(wiring, "store", lambda _: bucket)
    finding = examine()["bucket"]
    assert not finding.ok
    assert "If-None-Match" in finding.message
    assert list(bucket.list("doctor/")) == []


def test_a_broker_that_may_throw_messages_away_is_told() -> None:
    finding = examine(broker_url="redis://alive", info={"maxmemory_policy": "allkeys-lru"})["broker"]
    assert (finding.ok, finding.message) == (False, "it may evict messages: maxmemory-policy is allkeys-lru")
    assert "noeviction" in finding.fix


def test_a_queue_that_nobody_serves_is_told_with_the_command_that_does() -> None:
    assert examine(broker_url="redis://alive")["queues"].ok
    some = examine(queues=("voices", "speech"), broker_url="redis://alive")["queues"]
    assert (some.ok, some.message) == (False, "nobody serves references")
    assert "--queues references" in some.fix
    assert not examine(queues=(), broker_url="redis://alive")["queues"].ok


def test_no_sweeper_is_told_and_a_worker_is_none(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        leases.join(session)
    finding = examine(database_url=str(sqlite_database.url))["sweeper"]
    assert (finding.ok, finding.message) == (False, "no sweeper is alive")
    assert "callsheet sweeper" in finding.fix


def test_answers_that_wait_on_disk_for_minutes_are_told_and_are_not_to_be_removed(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"{}")
    assert examine(spool_dir=tmp_path)["spool"].ok
    old = time.time() - 600
    os.utime(tmp_path / "answer", (old, old))
    finding = examine(spool_dir=tmp_path)["spool"]
    assert not finding.ok
    assert finding.message.startswith("1 paid answers wait in")
    assert "Do not remove" in finding.fix


def test_a_clock_that_is_off_is_told(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        provider_account.note_account(session, "kyma", 5_000_000, int(time.time() * 1000) + 60_000)
    finding = examine(database_url=str(sqlite_database.url))["clock"]
    assert not finding.ok
    assert finding.message.startswith(("kyma is +59.", "kyma is +60."))
    assert "NTP" in finding.fix


def test_calls_that_are_held_up_are_told_with_what_lets_them_go_on(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        provider_account.block(session, "sandbox", kind=Block.FUNDS, message="empty", needs=2_100_000)
    finding = examine(database_url=str(sqlite_database.url))["breaker"]
    assert not finding.ok
    assert "Top up" in finding.fix


def test_a_late_voice_that_waits_for_a_person_is_told(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        made = factories.voice(session, factories.run(session, factories.account(session)))
        late = {"attempt_id": "vatt_1", "provider": "stage", "provider_voice_id": "stage_1", "cost": 0, "raw": "{}"}
        session.add(Orphan(id=factories.an_id("orph"), account_id=made.account_id, voice_id=made.id, **late))
    finding = examine(database_url=str(sqlite_database.url))["doubts"]
    assert (finding.ok, finding.message) == (False, "0 paid calls and 1 late voices wait for a decision")
    assert "callsheet reconcile" in finding.fix


@pytest.mark.parametrize("part", ["flower", "metrics"])
def test_a_page_that_does_not_answer_is_told(dead: int, part: str) -> None:
    url = f"http://127.0.0.1:{dead}"
    finding = examine(flower_url=url, worker_metrics_port=dead)[part]
    assert (finding.ok, "ConnectError" in finding.message) == (False, True)
    assert finding.fix
