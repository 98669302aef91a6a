"""A suspension is the talent's and not a record's: it holds for every consent of the name, and its history stays."""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from pipeline.db.engine import Database
from pipeline.errors import ConsentRequired, NotFound
from pipeline.references import service as references
from pipeline.references.models import Consent, ConsentEvent
from tests.support import factories
from tests.support.databases import on_sqlite

BY = {"reason": "left the cast", "by": "ann"}


@pytest.fixture
def owner(database: Database) -> str:
    """An account with two consents of one talent, and one of another."""
    with database.write() as session:
        account = factories.account(session).id
        _declare(session, account, "mara")
        _declare(session, account, "mara", expires_on="2090-01-01")
        _declare(session, account, "bram")
    return account


def _declare(session: Any, account: str, name: str, **consent: Any) -> Consent:
    record = {"synthetic": True, "statement": "Nobody's voice.", **consent}
    return references.declare_consent(session, account, factories.talent(name, **record))


def _do(database: Database, owner: str, action: Any, name: str = "Mara") -> bool:
    with database.write() as session:
        return bool(action(session, owner, name, **BY))


def _withdrawn(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Consent.talent).where(Consent.revoked_at.is_not(None)).order_by(Consent.id)))


def test_every_consent_of_a_talent_is_withdrawn_by_any_spelling_of_its_name(database: Database, owner: str) -> None:
    assert _do(database, owner, references.suspend, "  mARA ")
    assert _withdrawn(database) == ["Mara", "Mara"]
    with database.read() as session:
        found = references.suspension(session, owner, "mara")
    assert found is not None
    assert (found.talent, found.reason) == ("Mara", "left the cast")
    assert "Mara is suspended since 20" in found.refusal().message


def test_a_consent_that_is_declared_later_is_withdrawn_from_the_start(database: Database, owner: str) -> None:
    _do(database, owner, references.suspend)
    with database.write() as session:
        later = _declare(session, owner, "MARA", statement="Once more.")
        assert later.revoked_at is not None
        with pytest.raises(ConsentRequired, match="left the cast"):
            references.require_unsuspended(session, later.id)
    _do(database, owner, references.reinstate)
    assert _withdrawn(database) == []
    with database.write() as session:
        assert _declare(session, owner, "mara", statement="And again.").revoked_at is None


def test_saying_it_twice_is_saying_it_once(database: Database, owner: str) -> None:
    said = [_do(database, owner, action) for action in (references.suspend,) * 2 + (references.reinstate,) * 2]
    assert said == [True, False, True, False]
    with database.read() as session:
        events = session.scalars(select(ConsentEvent).order_by(ConsentEvent.created_at)).all()
    assert [(event.action, event.reason, event.decided_by) for event in events] == [
        ("suspend", "left the cast", "ann"),
        ("reinstate", "left the cast", "ann"),
    ]


@on_sqlite
def test_other_accounts_and_other_talents_are_left_alone(database: Database, owner: str) -> None:
    with database.write() as session:
        stranger = factories.account(session).id
        theirs = _declare(session, stranger, "mara").id
    _do(database, owner, references.suspend)
    with database.read() as session:
        references.require_unsuspended(session, theirs)
        assert references.suspensions(session, stranger) == {}
        assert list(references.suspensions(session, owner)) == ["mara"]


@on_sqlite
def test_an_unknown_name_is_told_which_one_is_near(database: Database, owner: str) -> None:
    with pytest.raises(NotFound) as refused:
        _do(database, owner, references.suspend, "Marra")
    assert "Did you mean Mara?" in refused.value.hint


@pytest.mark.parametrize("change", ["UPDATE consent_events SET reason = ''", "DELETE FROM consent_events"])
def test_what_was_said_of_a_talent_cannot_be_changed(database: Database, owner: str, change: str) -> None:
    _do(database, owner, references.suspend)
    with pytest.raises(DBAPIError), database.write() as session:
        session.execute(text(change))
    with database.read() as session:
        assert session.scalars(select(ConsentEvent.reason)).one() == "left the cast"
