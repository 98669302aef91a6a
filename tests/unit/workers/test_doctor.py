import shutil
import socket
from collections import namedtuple
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from pipeline import wiring
from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.provider.errors import AccountBlocked
from pipeline.settings import Settings
from pipeline.storage.port import StoreRefused
from tests.support.fakes import ScriptedProvider
from workers.app import create_app
from workers.doctor import Doctor, Finding

PARTS = ["python", "disk", "database", "broker", "bucket", "provider", "api", "worker"]
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


def examine(**settings: Any) -> dict[str, Finding]:
    given = Settings(**settings)
    app = create_app(given)
    # A broker that is away is tried twice, two seconds apart.
    app.connection_for_write = _Connection(given) if "broker_url" in settings else app.connection_for_write
    return {finding.part: finding for finding in Doctor(given, app).findings()}


class _Connection:
    def __init__(self, settings: Settings) -> None:
        self.url = settings.broker_url.get_secret_value() if settings.broker_url else ""

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
    assert {part for part, finding in found.items() if finding.ok} == {"python", "disk"}
    for part, finding in found.items():
        assert finding.message, part
        assert finding.ok or finding.fix, part
    for part in ("database", "broker", "bucket", "provider", "api"):
        assert "callsheet up" in found[part].fix


def test_a_stack_that_is_well_has_nothing_to_fix(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bucket:
        def head(self, _key: str) -> None:
            return None

    with sqlite_database.write() as session:
        leases.join(session)
    monkeypatch.setattr(wiring, "store", lambda _: Bucket())
    monkeypatch.setattr(wiring, "provider", lambda _: ScriptedProvider())
    monkeypatch.setattr(httpx, "get", lambda url, **_: _answer(url, json={"status": "ok", "provider": "stage"}))
    found = examine(
        home=tmp_path,
        database_url=str(sqlite_database.url),
        broker_url="redis://alive",
        api_url="http://api.invalid",
        s3_endpoint="http://bucket.invalid",
    )
    assert [part for part, finding in found.items() if not finding.ok] == []
    assert [finding.fix for finding in found.values()] == [""] * len(PARTS)
    assert found["provider"].message == "stage: $50.00 left, tier stage, 8 calls at once"
    assert found["worker"].message == "1 alive"


def _answer(url: str, **content: Any) -> httpx.Response:
    return httpx.Response(200, request=httpx.Request("GET", url), **content)


def test_a_full_disk_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**8))
    finding = examine(home=tmp_path)["disk"]
    assert (finding.ok, finding.message) == (False, "0.1 GB free")
    assert "CALLSHEET_HOME" in finding.fix


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


def test_a_bucket_that_refuses_is_told_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bucket:
        def head(self, _key: str) -> None:
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
