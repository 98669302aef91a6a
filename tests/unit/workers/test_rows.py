import os
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.ledger.accounts import authenticate
from pipeline.ledger.models import Account
from pipeline.settings import Settings
from workers import rows
from workers.rows import bury_worker, own_key

GONE = OperationalError("UPDATE instances", {}, OSError("gone"))


def settings_of(database: Database, home: Path) -> Settings:
    return Settings(home=home, database_url=database.url.render_as_string(hide_password=False))


def test_the_local_account_is_opened_once_and_each_of_its_keys_works(sqlite_database: Database, tmp_path: Path) -> None:
    settings = settings_of(sqlite_database, tmp_path)
    keys = {own_key(settings), own_key(settings)}
    assert len(keys) == 2
    with sqlite_database.read() as session:
        assert len({authenticate(session, key) for key in keys}) == 1
        assert session.scalar(select(func.count()).select_from(Account)) == 1


def test_only_the_worker_that_died_is_buried(sqlite_database: Database, tmp_path: Path) -> None:
    settings = settings_of(sqlite_database, tmp_path)
    with sqlite_database.write() as session:
        holder = leases.join(session)
    bury_worker(settings, os.getpid() + 1)
    assert not dead(sqlite_database)
    bury_worker(settings, os.getpid())
    assert dead(sqlite_database) == [holder]


def test_a_death_is_told_once_the_database_is_back(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_database.write() as session:
        holder = leases.join(session)
    monkeypatch.setattr(rows, "RETURN_SECONDS", 0)
    bury, refusals = leases.bury, iter(range(2))

    def refuse(session: Session, *, host: str, pid: int) -> None:
        if next(refusals, None) is not None:
            raise GONE
        bury(session, host=host, pid=pid)

    monkeypatch.setattr(leases, "bury", refuse)
    bury_worker(settings_of(sqlite_database, tmp_path), os.getpid())
    assert dead(sqlite_database) == [holder]


def test_a_death_that_cannot_be_told_is_an_error_in_the_end(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_session: Session, **_who: object) -> None:
        raise GONE

    monkeypatch.setattr(rows, "AWAY_SECONDS", -1)
    monkeypatch.setattr(leases, "bury", refuse)
    with pytest.raises(OperationalError):
        bury_worker(settings_of(sqlite_database, tmp_path), os.getpid())


def dead(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(leases.dead_holders()))
