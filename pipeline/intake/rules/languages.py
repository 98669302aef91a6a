"""One line in several languages: what each text's row is called, and which languages a sheet may hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.intake.rules.names import NAME_CHARS
from pipeline.intake.rules.problems import Refusal, listed
from pipeline.intake.rules.talents import covers
from pipeline.intake.rules.values import language as language_tag

MARK = "@"
"""Between a line's id and the language of a translation; no id holds it."""


def translation_key(line_id: str, language: str) -> str:
    """Return what the text of a line in another language than the source is called; raises `Refusal`."""
    key = f"{line_id}{MARK}{language}"
    if len(key) > NAME_CHARS:
        message = f"the id has {len(key)} characters together with {MARK}{language}"
        raise Refusal(message, allowed=f"at most {NAME_CHARS}", hint="shorten the id in every language")
    return key


def plain_id(key: str) -> str:
    """Return the line's id, which all of its languages share."""
    return key.partition(MARK)[0]


def language_of(key: str, source: str) -> str:
    """Return the language of a line's text: the source language where its key names none."""
    _, mark, language = key.partition(MARK)
    return language if mark else source


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that may be met: the production's source, the others, and the one a sheet says it is in."""

    source: str
    others: tuple[str, ...] = ()
    own: str | None = None
    """None where the sheet is in the source language or its rows say what they are in."""

    @property
    def is_one(self) -> bool:
        """Whether there is nothing to tell apart."""
        return not self.others

    @property
    def every(self) -> tuple[str, ...]:
        """All of them, the source first."""
        return (self.source, *self.others)

    @property
    def is_translation(self) -> bool:
        """Whether the whole sheet holds translations."""
        return self.own is not None and self.own != self.source

    @property
    def may_vary(self) -> bool:
        """Whether each row may be in a language of its own."""
        return self.own is None and not self.is_one

    def meant(self, cell: str) -> str:
        """Return which of them a row says it is in; raises `Refusal` where it is none of them.

        A region that is not listed counts as its language: `en-US` is `en` where only that is listed.
        """
        if not cell.strip():
            return self.own or self.source
        tag = language_tag(cell.strip())
        found = tag if tag in self.every else next((wide for wide in self.every if covers([wide], tag)), None)
        if found is None:
            raise unlisted(self.every)
        return found


def unlisted(every: Sequence[str]) -> Refusal:
    """Return what to say of a language that the project file does not list."""
    hint = "add it to `languages` in the project file, or correct the tag"
    return Refusal("this language is not among those of the production", allowed=listed(every), hint=hint)


def headers(names: Sequence[str], language: str) -> Iterator[str]:
    """Yield what a column of texts in a language may be called: `text (de)`, `text_de`, `text:de`, and `de` alone."""
    yield from (f"{name} {language}" for name in names)
    yield language


ONE_LANGUAGE = Languages("")
"""For a reader to whom it does not matter."""
