"""Every line that was made under a talent's consent, a row for each line that a take speaks or has spoken."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.intake.models import Line, LineTake, Production
from pipeline.intake.rules import language_of
from pipeline.references import service as references
from pipeline.references.models import Consent
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices.models import Voice

UNDONE = tuple(state for state in TakeState if state is not TakeState.DONE)
KEY_LIMIT = 300


class After(NamedTuple):
    """The last row of the page before: a take, and which of its lines; both empty for a take that no line knows."""

    take: str = ""
    production: str = ""
    line: str = ""

    @classmethod
    def of(cls, key: str) -> "After":
        """Read a row's key."""
        take, production, line = (*key.split("/", 2), "", "")[:3]
        return cls(take, production, line)


def talent_lines(
    session: Session, account_id: str, name: str, *, after: str = "", limit: int = 1_000
) -> list[dict[str, Any]]:
    """List the lines in the order in which their takes were asked for, from the row after `after`. Micro-dollars.

    A take that several lines share is paid for once: what it has cost stands with the first of them. First words are
    listed with the others. Raises `NotFound` where the account has no talent of that name.
    """
    last = After.of(after)
    consents = references.consents_of(session, account_id, name)
    takes = session.execute(_takes(consents, last, limit)).all()
    lines = _lines(session, [take.id for take in takes], last, limit)
    found: list[dict[str, Any]] = []
    for take in takes:
        known = lines.get(take.id, [])
        if not known and take.id != last.take:
            known = [_NO_LINE]
        found += [_told(take, line, is_first=n == 0 and take.id != last.take) for n, line in enumerate(known)]
        if len(found) >= limit:
            break
    return found[:limit]


class _Spoken(NamedTuple):
    """A line that a take speaks, or has spoken."""

    production_id: str
    line_id: str
    production: str
    character: str
    language: str


_NO_LINE = _Spoken("", "", "", "", "")


def _takes(consents: Sequence[str], last: After, limit: int) -> Select[*tuple[Any, ...]]:
    asked = (Take.id, Take.kind, Take.production_name, Take.language, Take.done_at, Take.seconds, Take.cost)
    query = select(*asked, Voice.label.label("voice"), Consent.digest.label("consent"))
    query = query.join(Voice, Voice.id == Take.voice_id).join(Consent, Consent.id == Take.consent_id)
    # Said so, the state leads into no index: the ids are walked in their order, and a page costs what it holds.
    spoken = (Take.consent_id.in_(consents), Take.state.not_in(UNDONE), Take.id >= last.take)
    return query.where(*spoken).order_by(Take.id).limit(limit + 1)


def _lines(session: Session, takes: Sequence[str], last: After, limit: int) -> Mapping[str, list[_Spoken]]:
    """Return by take the lines that it speaks now, or did by their histories: the first `limit` of all together."""
    now = select(Take.id, *_of_line(Line)).select_from(Take).join(Line, Line.fingerprint == Take.fingerprint)
    before = select(Take.id, *_of_line(LineTake)).select_from(Take)
    before = before.join(LineTake, LineTake.fingerprint == Take.fingerprint)
    of_line = (Line.production_id == LineTake.production_id) & (Line.line_id == LineTake.line_id)
    found = {
        (row[0], row[1], row[2]): row
        for query, table in ((now, Line), (before.outerjoin(Line, of_line), LineTake))
        for row in session.execute(_page(session, query, table, takes, last).limit(limit))
    }
    by_take: dict[str, list[_Spoken]] = {}
    for key in sorted(found)[:limit]:
        _, production_id, line_id, production, language, character = found[key]
        spoken = _Spoken(production_id, line_id, production, character or "", language_of(line_id, language))
        by_take.setdefault(key[0], []).append(spoken)
    return by_take


def _of_line(table: type[Line | LineTake]) -> tuple[Any, ...]:
    return table.production_id, table.line_id, Production.name, Production.language, Line.character


def _page(session: Session, query: Any, table: type[Line | LineTake], takes: Sequence[str], last: After) -> Any:  # noqa: ANN401 - a select of either table
    # In the order of Python, which merges them: that of PostgreSQL depends on its locale.
    line_id = table.line_id.collate("C") if session.get_bind().dialect.name == "postgresql" else table.line_id
    key = (Take.id, table.production_id, line_id)
    of_account = query.join(Production, Production.id == table.production_id)
    mine = of_account.where(Take.id.in_(takes), Production.account_id == Take.account_id, tuple_(*key) > tuple_(*last))
    return mine.order_by(*key)


def _told(take: Row[*tuple[Any, ...]], line: _Spoken, *, is_first: bool) -> dict[str, Any]:
    return {
        "key": f"{take.id}/{line.production_id}/{line.line_id}",
        "production": line.production or take.production_name,
        "line": line.line_id,
        "language": line.language or take.language,
        "character": line.character,
        "kind": take.kind,
        "take": take.id,
        "spoken_at": iso(take.done_at),
        "seconds": take.seconds,
        "cost_micros": take.cost if is_first else 0,
        "voice": take.voice,
        "consent": take.consent,
    }
