"""Faults on demand: which point breaks, on which route, how often."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Point(StrEnum):
    """Where a request breaks."""

    RESET_BEFORE = "reset_before"
    RESET_AFTER_UPSTREAM = "reset_after_upstream"
    RESET_AFTER_CHARGE = "reset_after_charge"
    HANG_AFTER_CHARGE = "hang_after_charge"
    TRUNCATE_BODY = "truncate_body"
    OWNERSHIP_WRITE_FAILED = "ownership_write_failed"
    BAD_GATEWAY_JSON = "502_json"
    BAD_GATEWAY_HTML = "502_html"
    BAD_GATEWAY_AFTER_CHARGE = "502_after_charge"
    RATE_LIMITED = "429"
    NO_FUNDS = "402"
    SLOW = "slow"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    EMPTY_AUDIO = "empty_audio"
    SILENT_AUDIO = "silent_audio"
    CUT_AUDIO = "cut_audio"
    WRONG_LINE = "wrong_line"
    WRONG_VOICE = "wrong_voice"
    CLIPPED_AUDIO = "clipped_audio"
    LONG_AUDIO = "long_audio"


# Points that take seconds after a colon, and what they take when none are given.
_DEFAULT_SECONDS = {Point.HANG_AFTER_CHARGE: 600.0, Point.RATE_LIMITED: 1.0, Point.SLOW: 1.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """A point, and its seconds where it has any."""

    point: Point
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `point` or `point:seconds`; ValueError names the points there are."""
        name, separator, argument = text.strip().partition(":")
        try:
            point = Point(name)
        except ValueError:
            raise ValueError(f"unknown fault point {name!r}: use one of {', '.join(Point)}") from None
        if not separator:
            return cls(point, _DEFAULT_SECONDS.get(point, 0.0))
        if point not in _DEFAULT_SECONDS:
            raise ValueError(f"fault point {name!r} takes no seconds")
        seconds = float(argument)
        if not 0 <= seconds <= 86_400:  # noqa: PLR2004 - a day; also refuses nan
            raise ValueError(f"seconds of {name!r} must be from 0 to 86400, got {argument}")
        return cls(point, seconds)

    def __str__(self) -> str:
        return f"{self.point}:{self.seconds:g}" if self.point in _DEFAULT_SECONDS else str(self.point)


@dataclass(slots=True)
class Rule:
    """A fault, the route it waits on (`*` for any), and how often it fires: `count` times, or by a seeded coin."""

    fault: Fault
    route: str = "*"
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    fired: int = 0
    _coin: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1, got {self.probability}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}")
        self._coin = random.Random(self.seed)  # noqa: S311 - a fault that can be repeated, no secret

    @classmethod
    def from_json(cls, row: Any) -> Self:  # noqa: ANN401 - whatever JSON holds
        """Read one rule as `POST /__sandbox__/faults` takes it; ValueError says what is wrong."""
        if not isinstance(row, dict):
            raise ValueError("a fault is an object with a point")  # noqa: TRY004 - one kind of error for bad JSON
        unknown = row.keys() - {"point", "route", "count", "probability", "seed"}
        if unknown:
            raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
        try:
            count = row.get("count")
            return cls(
                fault=Fault.parse(str(row.get("point", ""))),
                route=str(row.get("route", "*")),
                count=None if count is None else int(count),
                probability=float(row.get("probability", 1.0)),
                seed=int(row.get("seed", 0)),
            )
        except TypeError as error:
            raise ValueError(str(error)) from None

    def as_json(self) -> dict[str, Any]:
        """Return the rule and how often it has fired."""
        return {
            "point": str(self.fault),
            "route": self.route,
            "count": self.count,
            "probability": self.probability,
            "seed": self.seed,
            "fired": self.fired,
        }

    def fires(self, route: str) -> bool:
        """Decide for one request; the coin is tossed only where the rule applies."""
        spent = self.count is not None and self.fired >= self.count
        if spent or not (self.route == "*" or route.endswith(self.route)):
            return False
        if self.probability < 1 and self._coin.random() >= self.probability:
            return False
        self.fired += 1
        return True


@dataclass(frozen=True, slots=True)
class Drawn:
    """The faults one request meets."""

    faults: tuple[Fault, ...] = ()

    def __contains__(self, point: Point) -> bool:
        return any(fault.point is point for fault in self.faults)

    def __str__(self) -> str:
        return ",".join(map(str, self.faults))

    @property
    def points(self) -> frozenset[Point]:
        """Return which points break."""
        return frozenset(fault.point for fault in self.faults)

    def seconds(self, point: Point) -> float:
        """Return the seconds of a point, 0 when it was not drawn."""
        return sum(fault.seconds for fault in self.faults if fault.point is point)


class FaultBoard:
    """The rules in force. Touched from the event loop only, so that the coins fall in the order of requests."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put new rules in force instead of the old ones."""
        self.rules = list(rules)

    def draw(self, route: str, header: str) -> Drawn:
        """Return what a request meets: the points its header asks for, then the rules that fire."""
        asked = [Fault.parse(word) for word in header.split(",")] if header.strip() else []
        return Drawn((*asked, *(rule.fault for rule in self.rules if rule.fires(route))))
