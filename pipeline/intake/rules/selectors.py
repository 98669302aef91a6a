"""Selectors of lines as people write them: `character:MARA`, `lang:de`, `line:intro_*`, `state:failed`, `changed`."""

from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.intake.rules.problems import did_you_mean

REVIEW, REJECTED = "review", "rejected"
STATES = ("new", "changed", "missing", "failed", REVIEW, REJECTED)
KINDS = ("character", "lang", "line", "state")
ALLOWED = f"character:NAME, lang:TAG, line:ID, state:{{{','.join(STATES)}}} and changed; * stands for any letters"


@dataclass(frozen=True)
class Term:
    """One condition, as it was written; `*` and `?` in the pattern stand for any letters and one."""

    kind: str
    pattern: str

    def __str__(self) -> str:
        """Return it as it was written."""
        return f"{self.kind}:{self.pattern}"


IN_REVIEW = Term("state", REVIEW)


def term(written: str) -> Term:
    """Read a selector; raises `UsageError` where it is none."""
    if written == "changed":
        return Term("state", "changed")
    kind, colon, pattern = (part.strip() for part in written.partition(":"))
    if not colon or kind not in KINDS or not pattern:
        # A kind that is one lacks its pattern.
        meant = did_you_mean(kind, KINDS if colon else ["changed"]) if kind not in KINDS else ""
        raise UsageError(f"{written!r} selects nothing.", hint=as_hint(meant) or f"Select with {ALLOWED}.")
    if kind == "state" and pattern not in STATES:
        raise UsageError(
            f"{written!r} is no state of a line to be made. Allowed: {', '.join(STATES)}.",
            hint=as_hint(did_you_mean(pattern, STATES)) or f"Select with {ALLOWED}.",
        )
    return Term(kind, pattern)


def as_hint(question: str) -> str:
    """Return a question as a sentence of its own."""
    return question[:1].upper() + question[1:]
