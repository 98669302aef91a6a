"""What the provider sells, as the plan needs it."""

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.delivery import PLAIN, Delivery
from pipeline.errors import UsageError
from pipeline.intake.rules import Project
from pipeline.provider.port import Capabilities, Prices


@dataclass(frozen=True)
class Market:
    """A provider's name, what it accepts and what it charges."""

    provider: str
    capabilities: Capabilities
    prices: Prices

    def check(self, project: Project) -> None:
        """Raise `UsageError`, naming every place, where the project asks for a model or format that is not sold."""
        wrong = self._unsold("", project.settings.model, project.settings.format, project.settings.delivery)
        for key, character in project.characters.items():
            wrong += self._unsold(f"characters.{key}.", character.model, character.format, character.delivery)
        if wrong:
            raise UsageError("; ".join(wrong), hint="Correct the project file.", problems=wrong)

    def _unsold(self, place: str, model: str | None, audio_format: str | None, delivery: Delivery = PLAIN) -> list[str]:
        models = self.prices.speech_micros_per_million_chars
        return [
            *_refusal(f"{place}model", model, models),
            *_refusal(f"{place}format", audio_format, self.capabilities.formats),
            *self.undeliverable(place, delivery),
        ]

    def undeliverable(self, place: str, delivery: Delivery) -> list[str]:
        """Say what of a delivery the provider cannot do, and what it can."""
        return [
            f"{place}{name} is {value!r}; " + (f"allowed: {allowed}" if allowed else f"{self.provider} has no {name}")
            for name, value, allowed in self.capabilities.controls.unsupported(delivery)
        ]


def _refusal(place: str, asked: str | None, sold: Collection[str]) -> list[str]:
    if asked is None or asked in sold:
        return []
    return [f"{place} is {asked!r}; allowed: {', '.join(sold)}"]
