"""How a line is spoken: what a producer may ask for beside the words, and what of it a provider can do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Delivery(NamedTuple):
    """What was asked for; None where it is left to the voice."""

    speed: float | None = None
    """1.0 is the voice's own pace."""
    pitch: int | None = None
    """Semitones above the voice's own."""
    volume: float | None = None
    """1.0 is the voice's own."""
    emotion: str | None = None

    def over(self, wider: "Delivery") -> "Delivery":
        """Return it with what it leaves open taken from a wider one: a line's over its character's."""
        return wider._replace(**{name: value for name, value in self._asdict().items() if value is not None})

    def coloured(self) -> dict[str, object]:
        """Return what is asked for beside format and speed, by name."""
        return {name: value for name, value in self._asdict().items() if name != "speed" and value is not None}


PLAIN = Delivery()


class Unsupported(NamedTuple):
    """One thing that was asked for and cannot be had."""

    name: str
    value: object
    allowed: str


@dataclass(frozen=True)
class Controls:
    """What of a delivery can be asked of a provider; None and empty where it has no word for it."""

    speed: tuple[float, float] = (0.5, 2.0)
    pitch: tuple[int, int] | None = None
    volume: tuple[float, float] | None = None
    emotions: Sequence[str] = ()

    def unsupported(self, delivery: Delivery) -> Iterator[Unsupported]:
        """Yield what of a delivery cannot be had, with what can."""
        for name in ("speed", "pitch", "volume"):
            value, bounds = getattr(delivery, name), getattr(self, name)
            if value is not None and not (bounds and bounds[0] <= value <= bounds[1]):
                yield Unsupported(name, value, f"{bounds[0]:g} to {bounds[1]:g}" if bounds else "")
        if delivery.emotion is not None and delivery.emotion not in self.emotions:
            yield Unsupported("emotion", delivery.emotion, ", ".join(self.emotions))
