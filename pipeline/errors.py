"""The error tree: the class is the meaning, the attributes are the data, the docstring is the sentence.

CallsheetError
├── UsageError            the request is wrong; nothing was started        exit 2
│   ├── InvalidSheet      every problem of a submission at once
│   └── NotFound
├── PartialError          some of the work could not be done               exit 3
│   ├── RunStopped
│   │   ├── Cancelled
│   │   ├── NotStarted
│   │   └── WasteCapReached
│   └── RunPaused
│       └── SystemicFailure
├── BudgetExceeded        a cap would be broken                            exit 4
│   └── ProviderFundsMissing
├── NeedsReconcile        a paid call may have happened; a person decides  exit 5
├── ConsentRequired       the talent has not agreed, or no longer agrees   exit 6
├── EnvironmentFault      a part the product needs is missing or away      exit 7
│   ├── ProviderKeyRefused
│   └── ProviderFailing
└── Forbidden             the row belongs to another account               exit 2
"""

from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What the command line answers to the shell."""

    OK = 0
    USAGE = 2
    PARTIAL = 3
    BUDGET = 4
    RECONCILE = 5
    CONSENT = 6
    ENVIRONMENT = 7
    AUDIT = 8
    INTERRUPTED = 130


class CallsheetError(Exception):
    """Something went wrong.

    `code` is stable and the same in the CLI, the API and the logs; `hint` says what to do next.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.PARTIAL
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", **data: Any) -> None:  # noqa: ANN401 - JSON values
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data

    def as_dict(self) -> dict[str, Any]:
        """Return the error as the API and `--json` show it."""
        return {"code": self.code, "message": self.message, "hint": self.hint, **self.data}


class UsageError(CallsheetError):
    """The request cannot be understood or may not be made; nothing was started."""

    code = "invalid_request"
    exit_code = ExitCode.USAGE
    http_status = 400


class InvalidSheet(UsageError):
    """The submission has problems; all of them are listed and nothing was started."""

    code = "invalid_sheet"
    http_status = 422


class NotFound(UsageError):
    """There is no such thing in this account."""

    code = "not_found"
    http_status = 404


class Forbidden(UsageError):
    """The caller may not see or use this."""

    code = "forbidden"
    http_status = 403


class Unauthorised(Forbidden):
    """The API key is missing or unknown."""

    code = "unauthorised"
    http_status = 401


class Conflict(UsageError):
    """The state has moved since the caller looked at it."""

    code = "conflict"
    http_status = 409


class PartialError(CallsheetError):
    """Some of the work could not be done; the rest is kept."""

    code = "partial"
    exit_code = ExitCode.PARTIAL
    http_status = 409


class RunStopped(PartialError):
    """The run may start nothing more; what it has made is kept."""

    code = "run_stopped"


class WasteCapReached(RunStopped):
    """Too many paid calls of the run brought nothing that could be kept; applying again goes on."""

    code = "waste_cap"


class Cancelled(RunStopped):
    """A person has cancelled the run, or the line; what was made is kept, and applying or retrying opens it again."""

    code = "cancelled"


class NotStarted(RunStopped):
    """The run has not started: it is still being written down, or whoever wrote it has ended; nothing was spent."""

    code = "preparing"


class RunPaused(PartialError):
    """The run starts nothing until it is resumed; what is under way is finished."""

    code = "run_paused"


class SystemicFailure(RunPaused):
    """Several lines or voices in a row could not be had for one reason; the run is paused until a person resumes it."""

    code = "systemic_failure"


class BudgetExceeded(CallsheetError):
    """A cap would be broken; nothing beyond it was spent."""

    code = "budget_exceeded"
    exit_code = ExitCode.BUDGET
    http_status = 402


class ProviderFundsMissing(BudgetExceeded):
    """The provider's account has too little money for the next call; the run waits and goes on by itself."""

    code = "provider_funds"


class NeedsReconcile(CallsheetError):
    """A paid call may have happened and it cannot be proven; it is never repeated blindly."""

    code = "needs_reconcile"
    exit_code = ExitCode.RECONCILE
    http_status = 409


class ConsentRequired(CallsheetError):
    """The talent's permission is missing, too narrow or expired, or the talent is suspended."""

    code = "consent_required"
    exit_code = ExitCode.CONSENT
    http_status = 403


class EnvironmentFault(CallsheetError):
    """A part the product needs is missing, away or set up wrongly."""

    code = "environment"
    exit_code = ExitCode.ENVIRONMENT
    http_status = 503


class ProviderKeyRefused(EnvironmentFault):
    """The provider refuses the account's key or its rights; the run waits and goes on by itself."""

    code = "provider_key"


class ProviderFailing(EnvironmentFault):
    """The provider fails or cannot be reached; the run waits and goes on by itself."""

    code = "provider_failing"
