"""Read-only questions that cross the stages: how a run stands, what a production has, which voices there are."""

from pipeline.views.auditions import voice
from pipeline.views.hearing import REVIEW_LIMIT, lines_in_review, review
from pipeline.views.productions import PAGE_LIMIT, line_takes, productions, unclear_attempts, voices
from pipeline.views.runs import IS_PAUSED, IS_RUNNING, LATEST, find_run, runs
from pipeline.views.standing import is_running, run_status
from pipeline.views.takes import histories, wanting_retakes
from pipeline.views.talent_lines import KEY_LIMIT, talent_lines
from pipeline.views.talents import suspended_talents, talent, talents

__all__ = [
    "IS_PAUSED",
    "IS_RUNNING",
    "KEY_LIMIT",
    "LATEST",
    "PAGE_LIMIT",
    "REVIEW_LIMIT",
    "find_run",
    "histories",
    "is_running",
    "line_takes",
    "lines_in_review",
    "productions",
    "review",
    "run_status",
    "runs",
    "suspended_talents",
    "talent",
    "talent_lines",
    "talents",
    "unclear_attempts",
    "voice",
    "voices",
    "wanting_retakes",
]
