"""Ears that find what the test says, take by take."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.quality import Check, CheckName, Expectation, Result, Verdict
from pipeline.quality.verdict import concluded

Finding = Verdict | Callable[[bytes, Expectation], Verdict]


def good() -> Verdict:
    """Return the verdict on a take that nothing is wrong with."""
    return concluded(tuple(Check(name, Result.PASSED, 0.5) for name in CheckName))


def bad(reason: str = "it is clipped: 9.0% of its samples stand at full scale", *, checks: int = 1) -> Verdict:
    """Return the verdict on a take that has failed so many checks."""
    failed = tuple(
        Check(name, Result.FAILED, 0.09, highest=0.002, reason=reason) for name in [*CheckName][4 : 4 + checks]
    )
    return concluded((Check(CheckName.DECODES, Result.PASSED), *failed))


def unchecked(reason: str = "there is no aligner for the language 'de'") -> Verdict:
    """Return the verdict on a take whose words nobody could tell."""
    passed = (Check(CheckName.DECODES, Result.PASSED), Check(CheckName.LENGTH, Result.PASSED, 1.2))
    return concluded((*passed, Check(CheckName.WORDS, Result.NOT_CHECKED, reason=reason)))


@dataclass
class ScriptedEars:
    """Finds what its script says, and afterwards every take good."""

    findings: deque[Finding] = field(default_factory=deque)
    heard: list[Expectation] = field(default_factory=list)

    def will_find(self, *findings: Finding) -> None:
        """Put verdicts on the next takes on the script."""
        self.findings.extend(findings)

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002, ARG002 - as the protocol has it
        self.heard.append(expected)
        found = self.findings.popleft() if self.findings else good()
        return found(spoken, expected) if callable(found) else found
