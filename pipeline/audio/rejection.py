"""What the audio room raises: the recording is at fault, or our tools are.

AudioRejected     the sound cannot be used; every problem is listed with its figure
AudioToolFailed   decoding or encoding failed on our side; the recording may be fine
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pipeline.errors import EnvironmentFault, UsageError


@dataclass(frozen=True)
class Problem:
    """One reason why a recording cannot be used, or should be heard: what was measured, what is allowed, what to do."""

    code: str
    message: str
    measured: str
    allowed: str
    hint: str


class AudioRejected(UsageError):
    """The audio cannot be used as it is; nothing was charged."""

    code = "audio_rejected"
    http_status = 422

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "; ".join(problem.message for problem in self.problems),
            hint=self.problems[0].hint,
            problems=[asdict(problem) for problem in self.problems],
        )

    def __reduce__(self) -> tuple[type["AudioRejected"], tuple[tuple[Problem, ...]]]:
        """Say how it is made again: it travels from processes that decode."""
        return type(self), (self.problems,)


class AudioToolFailed(EnvironmentFault):
    """Decoding or encoding failed on our side; the recording was not judged."""

    code = "audio_tool_failed"


def rejected(code: str, message: str, *, measured: str, allowed: str, hint: str) -> AudioRejected:
    """Return the rejection for a single problem."""
    return AudioRejected([Problem(code, message, measured, allowed, hint)])
