"""What a take should be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pipeline.quality.voiceprint import Voiceprint


@dataclass(frozen=True)
class Expectation:
    """What was asked for, as far as it can be heard.

    `text` is what the provider was sent, pauses and tags included. `language` is a BCP 47 tag. `speed` is the factor
    asked for. `pronunciations` says how words are spoken that no dictionary has: phones as CMUdict writes them
    (`Z AE L TH AA R`), or a respelling in plain letters (`zal-thar`). `voice` is how good takes in the same voice sound
    (`Verdict.voiceprint`); none means that the voice cannot be compared. A take that is `acted`, because an emotion was
    asked for, is not held to their pitch.
    """

    text: str
    language: str = "en"
    speed: float = 1.0
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    voice: tuple[Voiceprint, ...] = ()
    acted: bool = False

    def __post_init__(self) -> None:
        """Refuse what no take could be held to."""
        if not self.speed > 0:
            raise ValueError(f"speed must be above 0, got {self.speed}")

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Read what `as_dict` wrote."""
        voice = tuple(Voiceprint.from_dict(known) for known in row["voice"])
        return cls(row["text"], row["language"], row["speed"], dict(row["pronunciations"]), voice, row["acted"])
