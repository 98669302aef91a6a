"""Voices are made once: intent and hold, one POST, then voice, owner and charge in one transaction."""

from pipeline.voices.service.making import Claim, Job, balance, begin, call, job, recording, settle
from pipeline.voices.service.marking import fail, lose
from pipeline.voices.service.sweeping import stop_run, sweep, unclear
from pipeline.voices.service.wanting import WantedVoice, find, refuse, reserve, reserve_cloned, want

__all__ = [
    "Claim",
    "Job",
    "WantedVoice",
    "balance",
    "begin",
    "call",
    "fail",
    "find",
    "job",
    "lose",
    "recording",
    "refuse",
    "reserve",
    "reserve_cloned",
    "settle",
    "stop_run",
    "sweep",
    "unclear",
    "want",
]
