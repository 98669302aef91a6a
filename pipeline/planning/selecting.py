"""Which lines a plan is for: `character:MARA`, `line:intro_*`, `lang:en`, `state:failed`, `changed`.

Terms of one kind are alternatives, terms of different kinds must all hold: `character:MARA character:BRAM changed` is
what has changed of the two.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pipeline.errors import UsageError
from pipeline.intake.rules import Project, language_of
from pipeline.intake.rules.problems import did_you_mean, listed
from pipeline.intake.rules.selectors import IN_REVIEW, REJECTED, REVIEW, Term, as_hint, term
from pipeline.planning.rules import CHANGED, Reason, WantedLine

__all__ = ["EVERYTHING", "Selection", "as_hint"]

_STATES = {
    "new": frozenset((Reason.NEW,)),
    "changed": CHANGED,
    "missing": frozenset((Reason.MISSING,)),
    "failed": frozenset((Reason.FAILED,)),
    REVIEW: frozenset(Reason),
    REJECTED: frozenset((Reason.RETAKE,)),
}
"""For which reasons lines of a state would be made; whether one is in review is no matter of its reason."""


@dataclass(frozen=True)
class Selection:
    """What of a sheet is wanted now; without a term it is all of it."""

    terms: Sequence[Term] = ()
    language: str = ""
    """The source language: that of a line whose key names none."""
    in_review: Collection[str] = frozenset()
    """Ids of the lines whose takes are bad by what was heard, where they are asked for."""
    _by_kind: dict[str, list[Term]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the terms once: a sheet has a million lines."""
        for one in self.terms:
            self._by_kind.setdefault(one.kind, []).append(one)

    @classmethod
    def of(cls, written: Sequence[str], project: Project) -> "Selection":
        """Read terms for a project; raises `UsageError` where one is none, or names what the project does not have."""
        terms = [term(text) for text in written]
        selection = cls(terms, project.language)
        for one in terms:
            selection._require_known(one, project)
        return selection

    @property
    def asks_for_review(self) -> bool:
        """Whether it has to be told which lines are in review."""
        return IN_REVIEW in self.terms

    def takes(self, line: WantedLine, reason: Reason) -> bool:
        """Tell whether a line is wanted that would be made for this reason."""
        language = language_of(line.line_id, self.language) if self._by_kind else ""
        return all(
            any(_fits(one, line, reason, language, self.in_review) for one in alternatives)
            for alternatives in self._by_kind.values()
        )

    def _require_known(self, term: Term, project: Project) -> None:
        """Refuse a name that nothing can fit: a slip of the pen would leave out everything."""
        match term.kind:
            case "character":
                known = list(project.characters)
                fits = any(fnmatchcase(key, term.pattern) for key in known)
            case "lang":
                known = list(project.languages) or [project.language]
                fits = any(fnmatchcase(language.casefold(), term.pattern.casefold()) for language in known)
            case "line":
                known = []
                fits = any(fnmatchcase(line.id, term.pattern) for line in project.lines)
            case _:
                return
        if not fits:
            there = f" There are: {listed(known)}." if known else ""
            raise UsageError(
                f"Nothing on the sheet fits {term}.{there}",
                hint=as_hint(did_you_mean(term.pattern, known)) or "`callsheet plan --all` lists every line.",
            )


EVERYTHING = Selection()


def _fits(wanted: Term, line: WantedLine, reason: Reason, language: str, in_review: Collection[str]) -> bool:
    """Tell whether a line in a language is meant that would be made for this reason."""
    match wanted.kind:
        case "character":
            return fnmatchcase(line.character, wanted.pattern)
        case "line":
            return fnmatchcase(line.line_id, wanted.pattern)
        case "lang":
            return fnmatchcase(language.casefold(), wanted.pattern.casefold())
        case _:
            is_there = wanted != IN_REVIEW or line.line_id in in_review
            return is_there and reason in _STATES[wanted.pattern]
