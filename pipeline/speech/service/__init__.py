"""Speech: takes are wanted, dispatched inside a window, spoken by one paid call and stored before they are settled."""

from pipeline.speech.service.dispatching import close_runs, dispatch, stop_run
from pipeline.speech.service.speaking import (
    Claim,
    Job,
    Missed,
    Spoken,
    TakeMissed,
    adopt,
    begin,
    call,
    job,
    keep,
    put_back,
    settle,
)
from pipeline.speech.service.sweeping import sweep
from pipeline.speech.service.wanting import WantedTake, block_voice, open_voice, want

__all__ = [
    "Claim",
    "Job",
    "Missed",
    "Spoken",
    "TakeMissed",
    "WantedTake",
    "adopt",
    "begin",
    "block_voice",
    "call",
    "close_runs",
    "dispatch",
    "job",
    "keep",
    "open_voice",
    "put_back",
    "settle",
    "stop_run",
    "sweep",
    "want",
]
