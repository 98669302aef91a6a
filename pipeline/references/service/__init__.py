"""Recordings are taken in and made fit for the provider; what talents allow is kept, asked for, suspended."""

from pipeline.references.service.consenting import (
    consents_of,
    declare_consent,
    require_consent,
    require_unsuspended,
    suspended_consents,
)
from pipeline.references.service.recordings import (
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    Job,
    Outcome,
    Prepared,
    begin,
    declare,
    find,
    is_busy,
    lose,
    prepare,
    settle,
    sweep,
)
from pipeline.references.service.suspending import (
    Suspension,
    reinstate,
    require_talent,
    suspend,
    suspension,
    suspensions,
)

__all__ = [
    "LEASE_SECONDS",
    "MAX_ATTEMPTS",
    "Job",
    "Outcome",
    "Prepared",
    "Suspension",
    "begin",
    "consents_of",
    "declare",
    "declare_consent",
    "find",
    "is_busy",
    "lose",
    "prepare",
    "reinstate",
    "require_consent",
    "require_talent",
    "require_unsuspended",
    "settle",
    "suspend",
    "suspended_consents",
    "suspension",
    "suspensions",
    "sweep",
]
