"""The quality gate: what a take sounds like is judged before it counts. What a caller needs is named here.

Pure values in, a verdict out. Sound is decoded and listened to in a bounded child process, never here.
"""

from pipeline.quality.ears import Ears, Judging, Voices
from pipeline.quality.examiner import GATE_LIMITS, Examiner, judge
from pipeline.quality.expectation import Expectation
from pipeline.quality.verdict import Check, CheckName, Outcome, Result, SpokenWord, Verdict, unjudged
from pipeline.quality.voiceprint import Pitch, Voiceprint

__all__ = [
    "GATE_LIMITS",
    "Check",
    "CheckName",
    "Ears",
    "Examiner",
    "Expectation",
    "Judging",
    "Outcome",
    "Pitch",
    "Result",
    "SpokenWord",
    "Verdict",
    "Voiceprint",
    "Voices",
    "judge",
    "unjudged",
]
