"""What a submission is and whether it is right, as pure functions of its bytes."""

from pipeline.intake.rules.columns import PAUSE_AFTER
from pipeline.intake.rules.csv_sheet import EXPORT_MARK, guard, unguard
from pipeline.intake.rules.first_met import FirstMet
from pipeline.intake.rules.languages import language_of, plain_id
from pipeline.intake.rules.lexicon import Lexicon, Pronunciation
from pipeline.intake.rules.long_list import LongList, pages
from pipeline.intake.rules.pauses import as_seconds, parts, pause_after, require_pauses, spoken_chars
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
from pipeline.intake.rules.quality_settings import QualitySettings
from pipeline.intake.rules.reading import SHEET_BYTES, Read, read_head, read_project
from pipeline.intake.rules.saying import Source
from pipeline.intake.rules.scaffold import episode_scaffold, scaffold
from pipeline.intake.rules.speech_text import split_text, spoken_text
from pipeline.intake.rules.streaks import STREAK_TO_PAUSE
from pipeline.intake.rules.talents import Consent, Scope, Talent, missing_consent

__all__ = [
    "EXPORT_MARK",
    "PAUSE_AFTER",
    "SHEET_BYTES",
    "STREAK_TO_PAUSE",
    "Character",
    "ClonedFrom",
    "Consent",
    "Designed",
    "FirstMet",
    "Lexicon",
    "Line",
    "LongList",
    "Problem",
    "Project",
    "Pronunciation",
    "QualitySettings",
    "Read",
    "Refusal",
    "Scope",
    "Settings",
    "Source",
    "SystemVoice",
    "Talent",
    "VoiceSource",
    "as_seconds",
    "episode_scaffold",
    "guard",
    "language_of",
    "missing_consent",
    "pages",
    "parts",
    "pause_after",
    "plain_id",
    "read_head",
    "read_project",
    "require_pauses",
    "scaffold",
    "split_text",
    "spoken_chars",
    "spoken_text",
    "unguard",
]
