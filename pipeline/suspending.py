"""What a person says of a talent: that nothing more is made or spoken with the voice, and that it may be again.

The row decides: every claim asks for the consent first, so a suspension takes effect with its commit. What is blocked
after it, step by step, only says so sooner, and frees the money that was held.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from pipeline.errors import ConsentRequired
from pipeline.references import service as references
from pipeline.speech import service as speech
from pipeline.speech.rules import TakeKind
from pipeline.voices import service as voices

BREATH_SECONDS = 0.11
"""After each step on SQLite: who waits for its lock looks ten times a second, and would miss a shorter gap."""

Transaction = Callable[[], AbstractContextManager[Session]]
"""Opens a transaction, as the edge does."""


@dataclass(frozen=True)
class Stopped:
    """What a suspension has stopped, and what is under way and is finished: calls that were sent are paid for."""

    changed: bool
    """Whether the talent was not suspended before."""
    lines: int
    first_words: int
    voices: int
    runs: tuple[str, ...]
    lines_under_way: int
    voices_under_way: int


def suspend(read: Transaction, write: Transaction, account_id: str, name: str, *, reason: str, by: str) -> Stopped:
    """Suspend a talent and stop what was to be made with its voices; what exists stays.

    Said again it stops what came since and notes nothing. Raises `NotFound` where the account has no such talent.
    """
    with write() as session:
        changed = references.suspend(session, account_id, name, reason=reason, by=by)
    with read() as session:
        in_force = references.suspension(session, account_id, name)
        theirs = voices.of_consents(session, references.consents_of(session, account_id, name))
    if in_force is None:
        return Stopped(changed, 0, 0, 0, (), 0, 0)  # somebody has reinstated the talent meanwhile
    refused = in_force.refusal()
    blocked = _block(write, theirs, refused)
    with write() as session:
        withheld = voices.withhold(session, theirs, refused)
        speaking = speech.being_spoken(session, theirs)
        for provider in sorted(blocked.providers):
            speech.dispatch(session, provider)
        speech.close_runs(session)
    return Stopped(
        changed=changed,
        lines=blocked.takes[TakeKind.LINE],
        first_words=blocked.takes[TakeKind.AUDITION],
        voices=withheld.not_made,
        runs=tuple(sorted(blocked.runs)),
        lines_under_way=speaking,
        voices_under_way=withheld.under_way,
    )


def reinstate(write: Transaction, account_id: str, name: str, *, reason: str, by: str) -> bool:
    """Let a talent's voices be made and speak again, as far as its consents reach; what was stopped waits for an apply.

    False where the talent is not suspended. Raises `NotFound` where the account has none of that name.
    """
    with write() as session:
        return references.reinstate(session, account_id, name, reason=reason, by=by)


def _block(write: Transaction, voice_ids: Sequence[str], refused: ConsentRequired) -> speech.Withheld:
    blocked = speech.Withheld(is_whole=False)
    while not blocked.is_whole:
        with write() as session:
            blocked.add(speech.withhold(session, voice_ids, refused))
            is_sqlite = session.get_bind().dialect.name == "sqlite"
        if is_sqlite and not blocked.is_whole:
            time.sleep(BREATH_SECONDS)
    return blocked
