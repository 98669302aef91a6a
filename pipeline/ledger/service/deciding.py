"""What people decide about money, and why: an append-only chain of hashes for each account."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from pipeline.db.clock import now_ms
from pipeline.db.ids import new_id
from pipeline.ledger.models import Account, Decision

FIRST = "0" * 64
"""What stands before an account's first decision."""
BATCH = 1_000


def _unfollowed() -> Select[str]:
    # Ids are made by the clock of whoever decides: the chain alone says which decision is the last.
    later = aliased(Decision)
    account = bindparam("account", type_=Decision.account_id.type)
    followed = exists().where(later.account_id == account, later.previous == Decision.hash)
    return select(Decision.hash).where(Decision.account_id == account, ~followed)


# An alias costs ten times as long to put together as this query takes.
_LAST = _unfollowed()


def decide(
    session: Session,
    *,
    account_id: str,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    detail: Mapping[str, Any] | None = None,
) -> Decision:
    """Record a decision in the transaction that carries it out, after the rows it changes.

    Decisions of an account queue up at its row; a unique index on what came before refuses a fork all the same.
    `detail` holds JSON values.
    """
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True))
    decision = Decision(
        id=new_id("dec"),
        account_id=account_id,
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        detail=dict(detail or {}),
        created_at=session.scalar(select(now_ms())),
        previous=_last(session, account_id),
    )
    decision.hash = fingerprint(decision)
    session.add(decision)
    session.flush()
    return decision


def verify_decisions(session: Session, account_id: str) -> list[str]:
    """Return the decisions that are not what they were, or that do not follow from the first; empty where all is well.

    What was cut off from the end of the chain leaves no mark in it.
    """
    followers: dict[str, tuple[str, str]] = {}
    broken = []
    mine = select(Decision).where(Decision.account_id == account_id).execution_options(yield_per=BATCH)
    for decision in session.scalars(mine):
        followers[decision.previous] = (decision.id, decision.hash)
        if fingerprint(decision) != decision.hash:
            broken.append(decision.id)
    last = FIRST
    while last in followers:
        _, last = followers.pop(last)
    return sorted({*broken, *(decision_id for decision_id, _ in followers.values())})


def fingerprint(decision: Decision) -> str:
    """Return the SHA-256 of a decision and of the hash before it, over canonical JSON."""
    columns = ("id", "account_id", "actor", "action", "subject", "reason", "detail", "created_at", "previous")
    told = {name: getattr(decision, name) for name in columns}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _last(session: Session, account_id: str) -> str:
    return session.scalar(_LAST, {"account": account_id}) or FIRST
