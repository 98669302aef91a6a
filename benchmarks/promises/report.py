"""What was promised, what was found, and whether the two are the same."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """What was found; a check that failed is a broken promise."""

    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def check(self, what: str, found: object, wanted: object) -> None:
        """Note whether something is as it has to be."""
        is_so = found == wanted
        told = f"{len(found)}" if is_so and isinstance(found, list | dict) else f"{found}"
        self._note(what, told + ("" if is_so else f", and not {wanted}"), is_so=is_so)

    def below(self, what: str, name: str, found: float, most: float) -> None:
        """Note a figure, and whether it is below its bound."""
        self.figures[name] = round(found, 2)
        self._note(what, f"{found:.2f} (to be below {most:g})", is_so=found < most)

    def line(self, **facts: object) -> str:
        """Return all of it as one line of `key=value` pairs."""
        pairs = {**facts, **self.figures, "broken": len(self.broken)}
        return " ".join(f"{name}={value}" for name, value in pairs.items())

    def _note(self, what: str, told: str, *, is_so: bool) -> None:
        print(f"{'ok    ' if is_so else 'BROKEN'} {what}: {told}", flush=True)
        if not is_so:
            self.broken.append(what)
