"""What follows what: the event of a stage, and the task that takes it up."""

from typing import Protocol

FLOW = {
    "reference.received": "references.prepare",
    "reference.ready": "voices.reserve_cloned",
    "reference.refused": "voices.refuse",
    "voice.wanted": "voices.reserve",
    "attempt.reserved": "voices.make",
    "attempt.doubted": "voices.reconcile",
    "voice.ready": "speech.open_voice",
    "voice.failed": "speech.block_voice",
    "take.dispatched": "speech.speak",
    "take.spoken": "speech.hear",
    "run.stopped": "voices.stop_run",
    "run.voices_stopped": "speech.stop_run",
}


class Publisher(Protocol):
    """Sends hints. A hint that is lost costs time only, so publishing never fails and never waits."""

    def publish(self, task: str, *row_ids: str) -> None:
        """Hint that a task has something to do for each of these rows."""
