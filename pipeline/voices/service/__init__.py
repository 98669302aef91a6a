"""Voices are made once: intent and hold, one POST, then voice, owner and charge in one transaction."""

from pipeline.voices.service import answers
from pipeline.voices.service.deciding import Action, Decided, decide, orphans, unclear
from pipeline.voices.service.marking import fail, lose
from pipeline.voices.service.reconciling import Doubted, balances, doubted, look, parked, resolve
from pipeline.voices.service.sending import (
    Before,
    Claim,
    Job,
    balance,
    begin,
    call,
    job,
    read_before,
    recording,
    request,
)
from pipeline.voices.service.settling import lose_recording, pay_first_use, settle
from pipeline.voices.service.sweeping import is_busy, stop_run, sweep
from pipeline.voices.service.wanting import (
    WantedVoice,
    find,
    hand_over,
    refuse,
    renew_consent,
    reserve,
    reserve_cloned,
    want,
)
from pipeline.voices.service.watching import about_to_lapse, gone, lapsed
from pipeline.voices.service.withholding import Withheld, of_consents, refusal, withhold

__all__ = [
    "Action",
    "Before",
    "Claim",
    "Decided",
    "Doubted",
    "Job",
    "WantedVoice",
    "Withheld",
    "about_to_lapse",
    "answers",
    "balance",
    "balances",
    "begin",
    "call",
    "decide",
    "doubted",
    "fail",
    "find",
    "gone",
    "hand_over",
    "is_busy",
    "job",
    "lapsed",
    "look",
    "lose",
    "lose_recording",
    "of_consents",
    "orphans",
    "parked",
    "pay_first_use",
    "read_before",
    "recording",
    "refusal",
    "refuse",
    "renew_consent",
    "request",
    "reserve",
    "reserve_cloned",
    "resolve",
    "settle",
    "stop_run",
    "sweep",
    "unclear",
    "want",
    "withhold",
]
