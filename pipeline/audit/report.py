"""What an audit has found, for people and for programs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.db.base import Base

LISTED = 100
"""Most rows that one check lists; it counts them all."""


@dataclass(frozen=True)
class Broken:
    """A row that breaks a promise: which one, and what is wrong with it."""

    row: str
    told: str


@dataclass(frozen=True)
class Finding:
    """What one check of an invariant has found."""

    invariant: str
    """`I1` to `I10`; empty where the check is of no promise about money."""
    check: str
    rows: int
    """How many rows were looked at."""
    broken: Sequence[Broken] = ()
    failed: int = 0
    """How many rows break the promise; `broken` lists the first of them."""
    waiting: Sequence[Broken] = ()
    """Rows that are as they should be, and wait for evidence or for a person."""
    undecided: str = ""
    """Why the check cannot tell right now."""

    @property
    def verdict(self) -> str:
        """Return `FAILED`, `undecided` or `ok`."""
        if self.failed:
            return "FAILED"
        return "undecided" if self.undecided else "ok"


@dataclass(frozen=True)
class Report:
    """All findings of an audit."""

    findings: Sequence[Finding]

    @property
    def failed(self) -> int:
        """Return how many rows break a promise."""
        return sum(finding.failed for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the API shows it."""
        return {
            "ok": not self.failed,
            "invariants": len({finding.invariant for finding in self.findings if finding.invariant}),
            "rows": sum(finding.rows for finding in self.findings),
            "failed": self.failed,
            "waiting": sum(len(finding.waiting) for finding in self.findings),
            "findings": [
                {
                    "invariant": finding.invariant,
                    "check": finding.check,
                    "verdict": finding.verdict,
                    "rows": finding.rows,
                    "failed": finding.failed,
                    "broken": [vars(row) for row in finding.broken],
                    "waiting": [vars(row) for row in finding.waiting],
                    "undecided": finding.undecided,
                }
                for finding in self.findings
            ],
        }


@dataclass(frozen=True)
class Scope:
    """Whose rows are audited; everybody's where `account_id` is None."""

    session: Session
    account_id: str | None
    doubt_ms: int
    """After this long a doubt has found its end, or a person has been told."""

    def mine(
        self, account: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
    ) -> list[ColumnElement[bool]]:
        """Return the condition on a table's account."""
        return [] if self.account_id is None else [account == self.account_id]

    def count(self, table: type[Base], *where: ColumnElement[bool]) -> int:
        """Return how many rows there are."""
        account = getattr(table, "account_id", None)
        own = [] if account is None else self.mine(account)
        return self.session.scalar(select(func.count()).select_from(table).where(*own, *where)) or 0


@dataclass
class Faults:
    """The rows that break a promise, counted, and the first of them kept."""

    kept: list[Broken] = field(default_factory=list)
    count: int = 0

    def add(self, row: str, told: str) -> None:
        """Note a row."""
        self.count += 1
        if len(self.kept) < LISTED:
            self.kept.append(Broken(row, told))

    def add_all(
        self, scope: Scope, query: Select[*tuple[Any, ...]], told: Callable[[Row[*tuple[Any, ...]]], str]
    ) -> None:
        """Note what a query finds; its first column names the row."""
        for row in scope.session.execute(query).yield_per(LISTED):
            self.add(str(row[0]), told(row))


def finding(
    invariant: str, check: str, rows: int, faults: Faults, *, waiting: Iterable[Broken] = (), undecided: str = ""
) -> Finding:
    """Return a finding."""
    return Finding(invariant, check, rows, tuple(faults.kept), faults.count, tuple(waiting), undecided)
