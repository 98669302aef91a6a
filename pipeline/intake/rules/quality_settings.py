"""`quality`: whether takes are listened to before they count, and how often a bad one may be made once more."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator

from pipeline.intake.rules.fields import Section
from pipeline.intake.rules.problems import Refusal

MOST_RETAKES: Final = 5
"""A line that is bad six times over is not mended by a seventh take."""


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What a production wants of the quality gate."""

    check: bool = True
    retakes: int = 0
    """How many takes a line may have beyond its first in one run, each at its price, where they are bad."""

    @property
    def allowed_retakes(self) -> int | None:
        """Return `retakes`; None where takes are not listened to at all."""
        return self.retakes if self.check else None


USUAL: Final = QualitySettings()
"""Where the project file says nothing: takes are heard, and none is paid for that no plan has shown."""


def _retakes(given: object) -> int:
    """Read how many retakes a line may have; raises `Refusal`."""
    allowed = f"a whole number from 0 to {MOST_RETAKES}"
    text = str(given).strip()
    if not (text.isascii() and text.isdigit()):
        raise Refusal("this is no number of retakes", allowed=allowed)
    if int(text) > MOST_RETAKES:
        raise Refusal("these are too many retakes", allowed=allowed)
    return int(text)


class QualitySection(Section):
    """`quality`."""

    check: bool = True
    retakes: Annotated[int, BeforeValidator(_retakes)] = 0

    def settings(self) -> QualitySettings:
        """Return what the section declares."""
        return QualitySettings(self.check, self.retakes)
