"""The audit: every check, in the order of the invariants."""

from collections.abc import Callable, Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.audit import attempts, books, outside, tallies
from pipeline.audit.report import Finding, Report, Scope
from pipeline.ledger.models import Account

DOUBT_SECONDS = 900.0 + 300.0
"""The longest quiescence that is set by default, and the lateness of the slowest provider."""

Check = Callable[[Scope], Finding]
CHECKS: tuple[Check, ...] = (
    attempts.made_once,
    attempts.owned_once,
    books.paid_once,
    books.within_caps,
    books.append_only,
    attempts.sent_under_lease,
    books.sums_agree,
    books.held_for_open_rows,
    books.costs_agree,
    outside.provider_agrees,
    attempts.moves_on,
    outside.nothing_dropped,
    outside.decisions_follow,
    tallies.tallies_agree,
)


def audit(
    session: Session,
    account_id: str | None = None,
    *,
    doubt_seconds: float = DOUBT_SECONDS,
    leave_out: Collection[Check] = (),
) -> Report:
    """Recompute I1 to I10, and the tallies, for one account or for the whole database; reads only.

    `doubt_seconds` is how long a doubt may take to find its end before it counts as forgotten.
    """
    whose = None if account_id is None or is_alone(session, account_id) else account_id
    scope = Scope(session, whose, int(doubt_seconds * 1000))
    return Report([check(scope) for check in CHECKS if check not in leave_out])


def is_alone(session: Session, account_id: str) -> bool:
    """Tell whether the account is the only one, so that everybody's rows are its own."""
    return not session.scalar(select(func.count()).select_from(Account).where(Account.id != account_id))
