"""Speech: takes are wanted, dispatched inside a window, spoken by one paid call and stored before they are settled."""

from pipeline.speech.service.attempt import Claim, Job, Missed, Spoken, Stored, TakeMissed
from pipeline.speech.service.calling import call
from pipeline.speech.service.closing import close_runs, stop_run
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.speaking import adopt, begin, job, put_back, settle
from pipeline.speech.service.storing import Keeper, restore
from pipeline.speech.service.sweeping import sweep
from pipeline.speech.service.wanting import WantedTake, block_voice, open_voice, want

__all__ = [
    "Claim",
    "Job",
    "Keeper",
    "Missed",
    "Spoken",
    "Stored",
    "TakeMissed",
    "WantedTake",
    "adopt",
    "begin",
    "block_voice",
    "call",
    "close_runs",
    "dispatch",
    "job",
    "open_voice",
    "put_back",
    "restore",
    "settle",
    "stop_run",
    "sweep",
    "want",
]
