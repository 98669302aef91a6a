"""A plan in a file: what was looked at is what is applied, or nothing is."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict

from pipeline.cli.disk import write_whole, writing_to
from pipeline.errors import Conflict, UsageError
from pipeline.ledger.money import dollars

Json = dict[str, Any]
VERSION = 1
SHOWN = 10
"""Of what has changed since a plan was saved; `callsheet plan` shows the rest."""
NOT_MADE = frozenset(("reused", "shared", "left out"))


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Row(_Part):
    line_id: str
    reason: str
    price: int


class _Totals(_Part):
    total_micros: int


class _Document(_Part):
    """What is read of the file; it holds more, for people and other programs."""

    production: str
    digest: str
    only: list[str]
    fresh: bool = False
    totals: _Totals
    lines: list[_Row]


@dataclass(frozen=True)
class SavedPlan:
    """What a plan said when it was saved: its digest, what it was for, its price, and each line it would make."""

    path: Path
    project: str
    digest: str
    only: list[str]
    fresh: bool
    total_micros: int
    lines: Mapping[str, tuple[str, int]]
    """Reason and price in micro-dollars, by id."""

    @classmethod
    def read(cls, path: Path) -> "SavedPlan":
        """Read one; raises `UsageError` where the file is none."""
        try:
            told = json.loads(path.read_bytes())
            if told["callsheet_plan"] != VERSION:
                raise UsageError(f"{path} is of another version of Callsheet.", hint="Plan again with --save.")
            plan = _Document.model_validate(told)
        except FileNotFoundError:
            raise UsageError(f"There is no file {path}.", hint=f"callsheet plan --save {path} writes it.") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{path} is not a saved plan ({type(error).__name__}).",
                hint=f"callsheet plan --save {path} writes one.",
            ) from error
        lines = {row.line_id: (row.reason, row.price) for row in plan.lines}
        return cls(path, plan.production, plan.digest, plan.only, plan.fresh, plan.totals.total_micros, lines)

    def require(self, drawn: Json, rows: Iterable[Json]) -> None:
        """Raise `Conflict` where a run would now do something else; `rows` are the lines of the plan as it is now."""
        if drawn["production"] != self.project:
            raise UsageError(
                f"{self.path} is a plan of {self.project}, and this is {drawn['production']}.",
                hint="Name the project that was planned.",
            )
        if drawn["digest"] != self.digest:
            self._refuse(drawn, rows)

    def _refuse(self, drawn: Json, rows: Iterable[Json]) -> NoReturn:
        now = {row["line_id"]: (row["reason"], row["price"]) for row in made(rows)}
        changes = [_change(line_id, self.lines.get(line_id), now.get(line_id)) for line_id in self._differing(now)]
        more = [f"and {len(changes) - SHOWN} more lines"] if len(changes) > SHOWN else []
        cost = f"It cost {dollars(self.total_micros)} and would cost {dollars(drawn['totals']['total_micros'])} now."
        raise Conflict(
            f"The sheet or what exists has changed since {self.path} was saved. {cost}",
            hint=f"Plan again with --save {self.path}, look at it, and apply that.",
            problems=[*changes[:SHOWN], *more] or ["Voices, or texts of lines that are made in either case, differ."],
        )

    def _differing(self, now: Mapping[str, tuple[str, int]]) -> list[str]:
        every = dict.fromkeys([*self.lines, *now])
        return [line_id for line_id in every if self.lines.get(line_id) != now.get(line_id)]


def save(path: Path, rows: Iterator[Json], wanted: Json) -> None:
    """Write a plan down with each line that it would make, and what was wanted of the sheet.

    `rows` are what the plan is as a whole, then its lines.
    """
    drawn = next(rows)
    facts = {name: drawn[name] for name in ("production", "provider", "digest", "totals", "voices")}
    document = {"callsheet_plan": VERSION, **facts, **wanted, "lines": list(made(rows))}
    with writing_to(path.parent):
        write_whole(path, json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")


def made(rows: Iterable[Json]) -> Iterator[Json]:
    """Yield the rows of lines that a run would make, as far as the plan tells of them."""
    for row in rows:
        if "line_id" in row and row["reason"] not in NOT_MADE:
            yield {name: row[name] for name in ("line_id", "character", "reason", "price")}


def _change(line_id: str, before: tuple[str, int] | None, now: tuple[str, int] | None) -> str:
    return f"{line_id}: {_told(before)}, now {_told(now)}"


def _told(line: tuple[str, int] | None) -> str:
    return f"{line[0]} at {dollars(line[1])}" if line else "not made"
