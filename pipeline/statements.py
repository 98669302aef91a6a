"""Read-only questions about money that cross the stages: every transfer, what each thing was to cost and did, the caps.

Amounts are integer micro-dollars; a refund is negative wherever amounts are listed or summed.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Subquery, case, cast, func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.intake.models import Line, LineTake, Production
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Transfer, TransferKind, signed_amount
from pipeline.ledger.money import UNLIMITED
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind
from pipeline.voices.models import Voice

PAGE_LIMIT = 1_000


class By(StrEnum):
    """What a statement has a row for."""

    LINE = "line"
    VOICE = "voice"
    PRODUCTION = "production"
    RUN = "run"


def transfers(
    session: Session, account_id: str, *, run_id: str | None = None, after: str = "", limit: int = PAGE_LIMIT
) -> list[dict[str, Any]]:
    """List what has left the account and what came back, oldest first, from the row after `after`."""
    query = select(Transfer).where(Transfer.account_id == account_id, Transfer.id > after)
    if run_id:
        query = query.where(Transfer.run_id == run_id)
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "amount_micros": -row.amount if row.kind is TransferKind.REFUND else row.amount,
            "estimate_micros": row.estimate,
            "source": row.source,
            "paid_to": row.credit,
            "attempt": row.attempt,
            "subject": row.subject,
            "production": row.production_id,
            "run": row.run_id,
            "reverses": row.reverses,
            "chars": row.chars,
            "at": iso(row.created_at),
        }
        for row in session.scalars(query.order_by(Transfer.id).limit(limit))
    ]


def balance(session: Session, account_id: str) -> dict[str, Any]:
    """Sum up the account: spent by kind and in all, how much of it is our estimate, held, and the cap."""
    budget = session.get_one(Budget, account_id)
    query = select(Transfer.kind, func.count(), _sum(signed_amount())).where(Transfer.account_id == account_id)
    kinds = {
        kind.value: {"count": count, "micros": micros}
        for kind, count, micros in session.execute(query.group_by(Transfer.kind))
    }
    return {
        "spent_micros": sum(kind["micros"] for kind in kinds.values()),
        "estimated_micros": budget.estimated,
        "held_micros": budget.held,
        "cap_micros": _cap(budget),
        "by_kind": kinds,
    }


def statement(
    session: Session, account_id: str, by: By, *, after: str = "", limit: int = PAGE_LIMIT
) -> list[dict[str, Any]]:
    """Compare what each line, voice, production or run was to cost with what it did, in the order of their keys.

    The estimate counts once for each thing a run paid for, however often it was paid: what a duplicate or a loss
    has cost shows as the difference.
    """
    match by:
        case By.LINE:
            rows = _by_subject(session, account_id, after, limit)
            names = _subject_names(session, account_id, [row.key for row in rows])
        case By.VOICE:
            made = _paid(Transfer.account_id == account_id)
            key = func.coalesce(Take.voice_id, made.c.subject)
            rows = _grouped(session, key, made, after, limit, lambda query: query.outerjoin(Take, _is_take(made)))
            names = _voice_names(session, [row.key for row in rows])
        case By.PRODUCTION | By.RUN:
            made = _paid(Transfer.account_id == account_id)
            rows = _grouped(session, made.c.run_id if by is By.RUN else made.c.production_id, made, after, limit)
            productions = _production_names(session, account_id)
            names = {row.key: productions.get(row.production_id or "", {}) for row in rows}
    return [_compared(row, names.get(row.key, {})) for row in rows]


def caps(session: Session, account_id: str, provider: str) -> list[dict[str, Any]]:
    """List the caps that bind the account: the provider's, its own, and those of its productions.

    What the provider's budget has spent belongs to all accounts, so only what is left of it is told.
    """
    mine = select(Production).where(Production.account_id == account_id).order_by(Production.name)
    productions = {production.id: production.name for production in session.scalars(mine)}
    shared = ledger.provider_owner(provider)
    query = select(Budget).where(Budget.owner.in_((shared, account_id)) | Budget.owner.in_(_production_ids(account_id)))
    budgets = {budget.owner: budget for budget in session.scalars(query)}
    named = [("provider", provider, shared), ("account", "", account_id)]
    named += [("production", name, owner) for owner, name in productions.items()]
    return [_told_cap(kind, name, budgets.get(owner)) for kind, name, owner in named]


def _production_ids(account_id: str) -> Select[str]:
    return select(Production.id).where(Production.account_id == account_id)


def _told_cap(kind: str, name: str, budget: Budget | None) -> dict[str, Any]:
    charged = budget.spent + budget.overrun if budget else 0
    held = budget.held if budget else 0
    cap = _cap(budget) if budget else None
    is_ours = kind != "provider"
    return {
        "kind": kind,
        "name": name,
        "cap_micros": cap,
        "spent_micros": charged if is_ours else None,
        "held_micros": held if is_ours else None,
        "left_micros": None if cap is None else max(cap - charged - held, 0),
    }


def _cap(budget: Budget) -> int | None:
    return None if budget.cap == UNLIMITED else budget.cap


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(amount), 0), BigInteger)  # PostgreSQL's sum of bigints is numeric


def _of_kind(kind: TransferKind) -> ColumnElement[int]:
    return _sum(case((Transfer.kind == kind, Transfer.amount), else_=0))


def _paid(*which: ColumnElement[bool]) -> Subquery:
    """Select what each run has paid for each thing."""
    query = select(
        Transfer.subject,
        Transfer.run_id,
        Transfer.production_id,
        func.count().label("transfers"),
        func.max(Transfer.estimate).label("estimate"),
        _sum(signed_amount()).label("paid"),
        _of_kind(TransferKind.LOSS).label("lost"),
        _of_kind(TransferKind.REFUND).label("refunded"),
    )
    return query.where(*which).group_by(Transfer.subject, Transfer.run_id, Transfer.production_id).subquery()


def _grouped(
    session: Session,
    key: ColumnElement[str],
    made: Subquery,
    after: str,
    limit: int,
    joined: Callable[[Select[*tuple[Any, ...]]], Select[*tuple[Any, ...]]] = lambda query: query,
) -> Sequence[Row[*tuple[Any, ...]]]:
    sums = (_sum(made.c[name]).label(name) for name in ("transfers", "estimate", "paid", "lost", "refunded"))
    query = select(key.label("key"), func.min(made.c.production_id).label("production_id"), *sums).select_from(made)
    return session.execute(joined(query).where(key > after).group_by(key).order_by(key).limit(limit)).all()


def _by_subject(session: Session, account_id: str, after: str, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    # A page of subjects first, by the index: the sums of a page then cost what the page costs, not the whole ledger.
    page = select(Transfer.subject).where(Transfer.account_id == account_id, Transfer.subject > after)
    last = session.scalars(page.group_by(Transfer.subject).order_by(Transfer.subject).limit(limit)).all()
    if not last:
        return []
    made = _paid(Transfer.account_id == account_id, Transfer.subject > after, Transfer.subject <= last[-1])
    return _grouped(session, made.c.subject, made, after, limit)


def _is_take(made: Subquery) -> ColumnElement[bool]:
    return Take.id == made.c.subject


def _subject_names(session: Session, account_id: str, subjects: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Name takes after the first line they speak, and voices by their label."""
    takes = session.scalars(select(Take).where(Take.id.in_(subjects))).all()
    fingerprints = [take.fingerprint for take in takes]
    lines = _former_takes(session, account_id, fingerprints) | _first_lines(session, account_id, fingerprints)
    labels = _voice_names(session, [*subjects, *(take.voice_id for take in takes)])
    named = {subject: {"name": f"voice {told['name']}"} for subject, told in labels.items()}
    for take in takes:
        voice = labels.get(take.voice_id, {}).get("name", "")
        former = f"audition of {voice}" if take.kind is TakeKind.AUDITION else "a line as it was before"
        named[take.id] = lines.get(take.fingerprint, {"name": former})
    return named


def _former_takes(session: Session, account_id: str, fingerprints: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Name takes that speak no line now by the histories that they are in."""
    query = select(LineTake, Production.name).join(Production, Production.id == LineTake.production_id)
    mine = query.where(Production.account_id == account_id, LineTake.fingerprint.in_(fingerprints))
    last_first = mine.order_by(LineTake.production_id.desc(), LineTake.line_id.desc())
    return {
        entry.fingerprint: {"name": f"{entry.line_id}, take {entry.number}", "production": production}
        for entry, production in session.execute(last_first)
    }


def _first_lines(session: Session, account_id: str, fingerprints: Sequence[str]) -> dict[str, dict[str, Any]]:
    first = (
        select(Line.production_id, Line.fingerprint, func.min(Line.position).label("position"))
        .join(Production, Production.id == Line.production_id)
        .where(Production.account_id == account_id, Line.fingerprint.in_(fingerprints))
        .group_by(Line.production_id, Line.fingerprint)
        .subquery()
    )
    is_first = (Line.production_id == first.c.production_id) & (Line.position == first.c.position)
    query = select(Line, Production.name).join(first, is_first).join(Production, Production.id == Line.production_id)
    return {
        line.fingerprint: {"name": line.line_id, "production": production, "character": line.character}
        for line, production in session.execute(query)
    }


def _voice_names(session: Session, voice_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    query = select(Voice.id, Voice.label).where(Voice.id.in_(voice_ids))
    return {voice_id: {"name": label} for voice_id, label in session.execute(query)}


def _production_names(session: Session, account_id: str) -> dict[str, dict[str, Any]]:
    query = select(Production.id, Production.name).where(Production.account_id == account_id)
    return {production_id: {"production": name} for production_id, name in session.execute(query)}


def _compared(row: Row[*tuple[Any, ...]], named: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": row.key,
        "name": named.get("name", ""),
        "production": named.get("production", ""),
        "character": named.get("character", ""),
        "transfers": row.transfers,
        "estimate_micros": row.estimate,
        "paid_micros": row.paid,
        "lost_micros": row.lost,
        "refunded_micros": row.refunded,
        "difference_micros": row.paid - row.estimate,
    }
