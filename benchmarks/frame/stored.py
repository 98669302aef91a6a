"""Results as files: what a run writes, what was stored for machines like this one, and what has become worse since."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.frame.figures import Bar, Better, Figure, Outcome, Size

STORED = Path(__file__).parents[1] / "stored.json"
TOLERANCE = 0.15
"""A figure may differ by this share between two runs of the same code on one machine."""


@dataclass(frozen=True)
class Change:
    """A figure that is worse than the stored one by more than the noise."""

    measure: str
    figure: str
    stored: float
    now: float

    def __str__(self) -> str:
        return f"{self.measure}.{self.figure}: {self.stored:.3g} was stored, now {self.now:.3g}"


def machine_class(cores: int | None = None) -> str:
    """Return which machines are compared with each other."""
    return f"{cores or os.cpu_count() or 1} cores"


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the results of a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n")


def read_stored(path: Path = STORED) -> dict[str, dict[str, Outcome]]:
    """Return what is stored: outcomes by machine class, and by size and measure."""
    if not path.exists():
        return {}
    said: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return {machine: {key: outcome_from(row) for key, row in outcomes.items()} for machine, outcomes in said.items()}


def store(outcomes: Iterable[Outcome], path: Path = STORED) -> None:
    """Keep these outcomes to compare with; those of other machines, sizes and measures stay."""
    stored = read_stored(path)
    for outcome in outcomes:
        if outcome.error is None and outcome.figures:
            stored.setdefault(machine_class(outcome.cores), {})[key_of(outcome)] = outcome
    said = {
        machine: {key: asdict(outcome) for key, outcome in sorted(rows.items())} for machine, rows in stored.items()
    }
    path.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


def key_of(outcome: Outcome) -> str:
    """Return under which name an outcome is stored."""
    return f"{outcome.size}.{outcome.measure}"


def worse(outcome: Outcome, stored: Outcome | None) -> Sequence[Change]:
    """Return the figures that were better when they were stored."""
    earlier = {figure.name: figure.value for figure in stored.figures} if stored else {}
    return [
        Change(outcome.measure, figure.name, earlier[figure.name], figure.value)
        for figure in outcome.figures
        if figure.name in earlier and _is_worse(figure, earlier[figure.name])
    ]


def outcome_from(row: dict[str, Any]) -> Outcome:
    """Read an outcome as it was written."""
    figures = [Figure(**{**figure, **_typed(figure)}) for figure in row["figures"]]
    return Outcome(**{**row, "figures": figures, "size": Size(row["size"])})


def _typed(figure: dict[str, Any]) -> dict[str, Any]:
    bar, better = figure["bar"], figure["better"]
    return {
        "bar": Bar(Better(bar["better"]), bar["bound"]) if bar else None,
        "better": Better(better) if better else None,
    }


def _is_worse(figure: Figure, earlier: float) -> bool:
    if figure.direction is None:
        return False
    loss = earlier - figure.value if figure.direction is Better.HIGHER else figure.value - earlier
    return loss > TOLERANCE * abs(earlier)
