"""The audit as the end of a test: every promise about money is recomputed from the rows that the test has left."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from pipeline.audit import Report, audit
from pipeline.audit.attempts import moves_on
from pipeline.audit.books import held_for_open_rows
from pipeline.audit.outside import provider_agrees
from pipeline.audit.service import Check

OF_ROWS: tuple[Check, ...] = (held_for_open_rows,)
"""Left out where a test holds money for attempts that have no rows."""
OF_TIME: tuple[Check, ...] = (moves_on, provider_agrees)
"""Left out where a test moves the clock, or plays the provider: neither sweeper nor balance follow by themselves."""


def assert_books_balance(session: Session, *, leave_out: Collection[Check] = OF_TIME) -> None:
    """Raise where the audit finds a row that breaks a promise."""
    assert_no_faults(audit(session, leave_out=leave_out))


def assert_no_faults(report: Report) -> None:
    """Raise, naming each row, where an audit has failed."""
    broken = [f"{found.invariant} {row.row}: {row.told}" for found in report.findings for row in found.broken]
    assert not report.failed, "\n".join(broken)
