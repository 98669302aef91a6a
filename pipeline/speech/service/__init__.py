"""Speech: takes are wanted, dispatched inside a window, spoken by one paid call and stored before they are settled."""

from pipeline.speech.service.asking import WantedTake, want
from pipeline.speech.service.attempt import Claim, Ended, Job, Missed, Spoken, Stored, TakeMissed
from pipeline.speech.service.calling import call
from pipeline.speech.service.choosing import choose
from pipeline.speech.service.closing import close_runs, stop_run
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.handing import cancel, still_speaking, wanted_takes
from pipeline.speech.service.hearing import (
    begin_hearing,
    earlier_takes,
    hear_next,
    is_busy,
    settle_hearing,
)
from pipeline.speech.service.judging import Locking, Meant, enter, judge, last_numbers, lock, require_lines, unlock
from pipeline.speech.service.listening import Heard, Hearing, Listener, Utterance
from pipeline.speech.service.speaking import adopt, begin, give_up, job, put_back, settle
from pipeline.speech.service.storing import Keeper, restore
from pipeline.speech.service.sweeping import sweep
from pipeline.speech.service.tallying import OPEN_TALLY, add_up, tallied, tallies
from pipeline.speech.service.wanting import block_voice, open_voice
from pipeline.speech.service.withholding import Withheld, being_spoken, withhold

__all__ = [
    "OPEN_TALLY",
    "Claim",
    "Ended",
    "Heard",
    "Hearing",
    "Job",
    "Keeper",
    "Listener",
    "Locking",
    "Meant",
    "Missed",
    "Spoken",
    "Stored",
    "TakeMissed",
    "Utterance",
    "WantedTake",
    "Withheld",
    "add_up",
    "adopt",
    "begin",
    "begin_hearing",
    "being_spoken",
    "block_voice",
    "call",
    "cancel",
    "choose",
    "close_runs",
    "dispatch",
    "earlier_takes",
    "enter",
    "give_up",
    "hear_next",
    "is_busy",
    "job",
    "judge",
    "last_numbers",
    "lock",
    "open_voice",
    "put_back",
    "require_lines",
    "restore",
    "settle",
    "settle_hearing",
    "still_speaking",
    "stop_run",
    "sweep",
    "tallied",
    "tallies",
    "unlock",
    "want",
    "wanted_takes",
    "withhold",
]
