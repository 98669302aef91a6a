"""The control: what a task with automatic retries does. It looks, posts, stores, and tries again what failed."""

from dataclasses import dataclass, field
from functools import partial
from io import BytesIO

from pipeline.provider.errors import ProviderError
from pipeline.provider.port import CloneRequest
from tests.simulation.plant import Plant
from tests.support.fakes import CAPABILITIES

TRIES = 4
REDELIVERY_MS = 60_000
"""A message whose worker has died is delivered again."""


@dataclass(eq=False)
class NaiveClient:
    """Makes voices without a protocol; what it has stored survives everything."""

    plant: Plant
    voices: int
    stored: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Ask for the voices, and again for as long as they are not there."""
        for number in range(self.voices):
            self._deliver(f"voice-{number}")

    def is_done(self) -> bool:
        """Tell whether every voice is there."""
        return len(self.stored) == self.voices

    def _deliver(self, voice: str) -> None:
        if voice in self.stored:
            return
        workers, world = self.plant.workers(), self.plant.world
        for _ in range(2 if world.chance(world.weather.twice) else 1):
            if workers:
                world.scheduler.start(world.rng.choice(workers), "naive", partial(self._make, voice))
        world.scheduler.later(REDELIVERY_MS, partial(self._deliver, voice))

    def _make(self, voice: str) -> None:
        for _ in range(TRIES):
            self.plant.world.step("look")
            if voice in self.stored:
                return
            request = CloneRequest(BytesIO(b""), "reference.wav", "audio/wav", voice, CAPABILITIES.clone_model)
            try:
                made = self.plant.provider.create_voice(request)
            except ProviderError:
                continue
            self.plant.world.step("store")
            self.stored[voice] = made.provider_voice_id
            return
