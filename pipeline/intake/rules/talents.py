"""Who lends a voice, and the dated, scoped permission to clone and use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pipeline.intake.rules.fields import Day, Evidence, KeyName, Label, LanguageTag, OneOrMore, Prose, Section, Slug


class Scope(Section):
    """What the permission is for; an empty list means everything of its kind."""

    productions: Annotated[tuple[Slug, ...], OneOrMore] = ()
    languages: Annotated[tuple[LanguageTag, ...], OneOrMore] = ()
    characters: Annotated[tuple[KeyName, ...], OneOrMore] = ()


class Consent(Section):
    """The record as its author wrote it, complete or not: `gap` judges.

    `synthetic` says that the voice is nobody's. `evidence` is a file of the project, or the SHA-256 of one that is
    kept elsewhere.
    """

    synthetic: bool = False
    granted_by: Label | None = None
    granted_on: Day | None = None
    statement: Prose | None = None
    evidence: Evidence | None = None
    scope: Scope = Scope()
    expires_on: Day | None = None

    def gap(self, production: str, language: str | None, today: date, character: str | None = None) -> str | None:
        """Return the field that forbids this use, or None; a permission lasts through the day it expires on.

        Without `character` the characters of the scope are not looked at, and without `language` its languages: a clone
        serves all that the talent plays.
        """
        return self._absent(today) or self._too_narrow(production, language, today, character)

    def _absent(self, today: date) -> str | None:
        if not (self.statement or "").strip():
            return "statement"
        if self.synthetic:
            return None
        if not (self.granted_by or "").strip():
            return "granted_by"
        if self.granted_on is None or self.granted_on > today:
            return "granted_on"
        return None

    def _too_narrow(self, production: str, language: str | None, today: date, character: str | None) -> str | None:
        scope = self.scope
        if scope.productions and production not in scope.productions:
            return "scope.productions"
        if scope.languages and language is not None and not covers(scope.languages, language):
            return "scope.languages"
        if scope.characters and character is not None and character not in scope.characters:
            return "scope.characters"
        if self.expires_on is not None and self.expires_on < today:
            return "expires_on"
        return None


def covers(granted: Sequence[str], language: str) -> bool:
    """Tell whether a language is among those named.

    A wider tag covers its regions ("en" covers "en-GB"), never the other way round (RFC 4647, section 3.3.1).
    """
    return any(f"{language}-".lower().startswith(f"{tag}-".lower()) for tag in granted)


@dataclass(frozen=True, slots=True)
class Talent:
    """The person whose voice it is; `reference` is the path of the recording inside the project's folder.

    `trim` is the part of it that is used, in seconds; None where it is used whole.
    """

    key: str
    name: str
    reference: str
    consent: Consent | None = None
    trim: tuple[float, float] | None = None


def missing_consent(
    talent: Talent, production: str, language: str, today: date, *, character: str | None = None
) -> str | None:
    """Return the field of the talent's entry that forbids this use, such as "consent.scope.productions", or None."""
    if talent.consent is None:
        return "consent"
    gap = talent.consent.gap(production, language, today, character)
    return f"consent.{gap}" if gap else None
