"""What a submission is and whether it is right, as pure functions of its bytes."""

from pipeline.intake.rules.csv_sheet import EXPORT_MARK, guard, unguard
from pipeline.intake.rules.problems import Problem, Refusal
from pipeline.intake.rules.project import (
    Character,
    ClonedFrom,
    Designed,
    Line,
    Project,
    Settings,
    SystemVoice,
    VoiceSource,
)
from pipeline.intake.rules.readers import SHEET_READERS
from pipeline.intake.rules.reading import read_project
from pipeline.intake.rules.scaffold import scaffold
from pipeline.intake.rules.speech_text import split_text, spoken_text
from pipeline.intake.rules.talents import Consent, Scope, Talent, missing_consent

__all__ = [
    "EXPORT_MARK",
    "SHEET_READERS",
    "Character",
    "ClonedFrom",
    "Consent",
    "Designed",
    "Line",
    "Problem",
    "Project",
    "Refusal",
    "Scope",
    "Settings",
    "SystemVoice",
    "Talent",
    "VoiceSource",
    "guard",
    "missing_consent",
    "read_project",
    "scaffold",
    "split_text",
    "spoken_text",
    "unguard",
]
