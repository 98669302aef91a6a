"""Why lines were not spoken, and what a person can do about each cause."""

from pipeline.errors import BudgetExceeded, Cancelled, ConsentRequired, NeedsReconcile, RunStopped, WasteCapReached
from pipeline.provider.errors import ContentBlocked, Refused
from pipeline.voices.rules import GONE

REVISE = (Refused.kind, ContentBlocked.kind, "reference_refused", "reference_lost", ConsentRequired.code)
"""What the same request would meet again: something in the project has to be changed first."""
MENDING = {
    Refused.kind: "Change the lines, then callsheet apply.",
    ContentBlocked.kind: "The provider will not speak these texts: change them, then callsheet apply.",
    "reference_refused": "Give another recording, then callsheet apply.",
    "reference_lost": "callsheet apply prepares the recording anew.",
    ConsentRequired.code: "Renew or widen the consent, or reinstate the talent, then callsheet apply.",
    BudgetExceeded.code: "callsheet apply --budget AMOUNT goes on.",
    NeedsReconcile.code: "callsheet reconcile decides what became of the voice.",
    GONE: "callsheet apply makes the voice anew, and shows its price before.",
    RunStopped.code: "callsheet apply goes on.",
    WasteCapReached.code: "See to why calls brought nothing, then callsheet apply.",
}
"""What to do where trying the same again does not help, or is not a retry's to decide."""

SAID = {
    Cancelled.code: "A person has cancelled them.",
    BudgetExceeded.code: "A cap has too little left for them.",
    RunStopped.code: "The run was stopped before they were spoken.",
    WasteCapReached.code: "Too many paid calls of the run brought nothing that could be kept, so it was stopped.",
}
"""What is said of causes that are the run's and not a take's."""


def next_step(cause: str, run_id: str) -> str:
    """Return what to do about the takes of a run that were not spoken because of `cause`."""
    if cause == Cancelled.code:
        return f"callsheet retry {run_id} --cause {cause} opens them again."
    return MENDING.get(cause) or f"callsheet retry {run_id} --cause {cause}"
