"""What a plan makes, summed up by a name that each line has: its character, or its language."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class _Reason(Protocol):
    def is_work(self) -> bool: ...

    def leaves_unspoken(self) -> bool: ...


class _Planned(Protocol):
    @property
    def reason(self) -> _Reason: ...

    @property
    def chars(self) -> int: ...

    @property
    def price(self) -> int: ...


class Sum(NamedTuple):
    """Some lines of a plan: how many there are, how many of them are made, and for how much in micro-dollars."""

    lines: int
    lines_to_speak: int
    lines_spoken_after: int
    """With a take once the plan is done."""
    chars_to_speak: int
    micros: int


class Sums:
    """Counts lines by name; what is not made costs next to nothing to count."""

    def __init__(self) -> None:
        self._lines: Counter[tuple[str, _Reason]] = Counter()
        self._chars: Counter[str] = Counter()
        self._micros: Counter[str] = Counter()

    def add(self, page: Sequence[_Planned], names: Sequence[str]) -> None:
        """Count some lines, each under its name."""
        self._lines.update([(name, line.reason) for name, line in zip(names, page, strict=True)])
        for name, line in zip(names, page, strict=True):
            if line.reason.is_work():
                self._chars[name] += line.chars
                self._micros[name] += line.price

    def by_name(self) -> dict[str, Sum]:
        """Return what was counted."""
        return {name: self._sum(name) for name in dict.fromkeys(name for name, _ in self._lines)}

    def _sum(self, name: str) -> Sum:
        counts = {reason: count for (counted, reason), count in self._lines.items() if counted == name}
        total = sum(counts.values())
        made = sum(count for reason, count in counts.items() if reason.is_work())
        unspoken = sum(count for reason, count in counts.items() if reason.leaves_unspoken())
        return Sum(total, made, total - unspoken, self._chars[name], self._micros[name])
