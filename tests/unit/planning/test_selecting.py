"""Selectors: what they mean, and that a slip of the pen is refused instead of leaving everything out."""

import pytest

from pipeline.errors import UsageError
from pipeline.planning.rules import Reason, WantedLine
from pipeline.planning.selecting import EVERYTHING, Selection
from tests.support.factories import Sheet, sha256

PROJECT = (
    Sheet().system("mara").system("bram").says("mara", "Halt!", "Who goes there?").says("bram", "A friend.").project()
)
LINE = WantedLine(PROJECT.lines[0].id, "mara", "Halt!", sha256("now"), "system:mara", 500, 5)


def chosen(*terms: str, character: str = "mara", reason: Reason = Reason.NEW) -> bool:
    return Selection.of(terms, PROJECT).takes(LINE._replace(character=character), reason)


def test_without_a_term_everything_is_wanted() -> None:
    assert EVERYTHING.takes(LINE, Reason.NEW)
    assert chosen()


@pytest.mark.parametrize(
    ("terms", "is_wanted"),
    [
        (["character:mara"], True),
        (["character:bram"], False),
        (["character:bram", "character:m*"], True),
        ([f"line:{LINE.line_id}"], True),
        (["line:*"], True),
        (["lang:EN*"], True),
        (["state:new"], True),
        (["changed"], False),
        (["character:mara", "state:failed"], False),
        (["state:failed", "state:new", "character:mara"], True),
    ],
)
def test_terms_of_one_kind_are_alternatives_and_kinds_must_all_hold(terms: list[str], *, is_wanted: bool) -> None:
    assert chosen(*terms) is is_wanted


@pytest.mark.parametrize("reason", [Reason.TEXT, Reason.VOICE, Reason.MODEL, Reason.LEXICON, Reason.DELIVERY])
def test_changed_is_whatever_was_spoken_before_and_would_sound_otherwise(reason: Reason) -> None:
    assert chosen("changed", reason=reason)
    assert chosen("state:changed", reason=reason)


@pytest.mark.parametrize(
    ("term", "told", "hint"),
    [
        ("mara", "'mara' selects nothing", "Select with character:NAME"),
        ("speaker:mara", "'speaker:mara' selects nothing", "Select with character:NAME"),
        ("charater:mara", "'charater:mara' selects nothing", "Did you mean character?"),
        ("chnged", "'chnged' selects nothing", "Did you mean changed?"),
        ("line:", "'line:' selects nothing", "Select with character:NAME"),
        ("character:marra", "There are: mara, bram.", "Did you mean mara?"),
        ("line:nowhere_*", "Nothing on the sheet fits line:nowhere_*.", "`callsheet plan --all` lists every line."),
        ("lang:de", "There are: en.", "`callsheet plan --all` lists every line."),
        ("state:faild", "Allowed: new, changed, missing, failed, review, rejected.", "Did you mean failed?"),
        ("state:reviw", "Allowed: new, changed, missing, failed, review, rejected.", "Did you mean review?"),
    ],
)
def test_what_selects_nothing_is_refused_with_what_there_is(term: str, told: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        Selection.of(["character:mara", term], PROJECT)
    assert told in refused.value.message
    assert refused.value.hint.startswith(hint)
