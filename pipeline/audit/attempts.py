"""I1, I2, I6 and I9: what was made, by which paid attempt, and which of them is still unclear."""

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from pipeline.audit.report import Broken, Faults, Finding, Scope, finding
from pipeline.db.clock import now_ms
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState, OrphanState, VoiceKind, VoiceState

OVER = (AttemptState.REJECTED, AttemptState.RELEASED, AttemptState.WRITTEN_OFF)
SENT = tuple(state for state in AttemptState if state not in {AttemptState.RESERVED, AttemptState.RELEASED})
LATE_MS = 60_000
"""How long after the end of its lease a row may wait for the sweeper."""


def made_once(scope: Scope) -> Finding:
    """I1: at most one live or succeeded attempt for a voice, unless a person has ordered one more."""
    faults = Faults()
    made_of = (Attempt.account_id, Attempt.provider, Attempt.model, Attempt.subject)
    live = (Attempt.state.not_in(OVER), Attempt.forced == 0, *scope.mine(Attempt.account_id))
    twins = select(func.max(Attempt.id), func.min(Attempt.id)).where(*live).group_by(*made_of).having(func.count() > 1)
    faults.add_all(scope, twins, lambda row: f"it makes the same voice as {row[1]}")
    return finding("I1", "one live or succeeded attempt for a voice", scope.count(Attempt), faults)


def owned_once(scope: Scope) -> Finding:
    """I2: an upstream voice belongs to exactly one row; an attempt has succeeded exactly when it has one."""
    faults = Faults()
    for query, told in (
        (_twins(Attempt, scope), "the upstream voice {} belongs to {} attempts"),
        (_twins(Voice, scope, Voice.kind != VoiceKind.SYSTEM), "the upstream voice {} belongs to {} voices"),
    ):
        faults.add_all(scope, query, lambda row, told=told: told.format(row[1], row[2]))  # type: ignore[misc]
    succeeded = Attempt.state == AttemptState.SUCCEEDED
    faults.add_all(
        scope,
        _half(Attempt, succeeded, scope),
        lambda row: f"it is {row[1]}, and its upstream voice is {row[2] or 'not known'}",
    )
    faults.add_all(
        scope,
        _half(Voice, Voice.state == VoiceState.READY, scope),
        lambda row: f"it is {row[1]}, and its upstream voice is {row[2] or 'not known'}",
    )
    faults.add_all(scope, _owned_orphans(scope), lambda row: f"nobody has adopted it, and {row[1]} has its voice")
    return finding("I2", "an upstream voice belongs to one row", scope.count(Attempt) + scope.count(Voice), faults)


def sent_under_lease(scope: Scope) -> Finding:
    """I6: nothing is sent without a committed row under a lease."""
    faults = Faults()
    mine = scope.mine(Attempt.account_id)
    bare = select(Attempt.id).where(Attempt.state == AttemptState.SENDING, Attempt.lease_until.is_(None), *mine)
    faults.add_all(scope, bare, lambda _: "it is being sent without a lease")
    unsent = or_(Attempt.sent_at.is_(None), Attempt.fence < 1)
    forged = select(Attempt.id, Attempt.state).where(Attempt.state.in_(SENT), unsent, *mine)
    faults.add_all(scope, forged, lambda row: f"it is {row[1]}, and was never claimed for sending")
    speaking = (Take.state == TakeState.SPEAKING, Take.lease_until.is_(None), *scope.mine(Take.account_id))
    faults.add_all(scope, select(Take.id).where(*speaking), lambda _: "it is being spoken without a lease")
    return finding("I6", "nothing is sent without a lease", scope.count(Attempt) + scope.count(Take), faults)


def moves_on(scope: Scope) -> Finding:
    """I9: whatever is being sent or in doubt moves on in time, or is in the operator's list."""
    faults = Faults()
    mine = scope.mine(Attempt.account_id)
    stuck = or_(
        and_(Attempt.state == AttemptState.SENDING, Attempt.lease_until < now_ms() - LATE_MS),
        and_(Attempt.state == AttemptState.AMBIGUOUS, Attempt.doubted_at < now_ms() - scope.doubt_ms - LATE_MS),
    )
    standing = select(Attempt.id, Attempt.state, Attempt.label).where(stuck, *mine)
    faults.add_all(
        scope, standing, lambda row: f"{row[2]} is {row[1]} for longer than evidence takes: is a sweeper up?"
    )
    unclear = select(Attempt).where(Attempt.state.in_((AttemptState.AMBIGUOUS, AttemptState.OPERATOR)), ~stuck, *mine)
    waiting = [_waits(attempt) for attempt in scope.session.scalars(unclear.order_by(Attempt.id))]
    rows = scope.count(Attempt, Attempt.state.in_((AttemptState.SENDING, AttemptState.AMBIGUOUS)))
    return finding("I9", "what is unclear moves on, or waits for a person", rows, faults, waiting=waiting)


def _waits(attempt: Attempt) -> Broken:
    whom = "a person" if attempt.state is AttemptState.OPERATOR else "evidence"
    return Broken(attempt.id, f"{attempt.label} waits for {whom}: {attempt.verdict or attempt.error or ''}")


def _twins(
    table: type[Attempt] | type[Voice], scope: Scope, *which: ColumnElement[bool]
) -> Select[str, str | None, int]:
    owned = (table.provider_voice_id.is_not(None), *which, *scope.mine(table.account_id))
    return (
        select(func.max(table.id), func.min(table.provider_voice_id), func.count())
        .where(*owned)
        .group_by(table.provider, table.provider_voice_id)
        .having(func.count() > 1)
    )


def _half(
    table: type[Attempt] | type[Voice], is_made: ColumnElement[bool], scope: Scope
) -> Select[str, str, str | None]:
    has_voice = table.provider_voice_id.is_not(None)
    half = or_(and_(is_made, ~has_voice), and_(~is_made, has_voice))
    return select(table.id, table.state, table.provider_voice_id).where(half, *scope.mine(table.account_id))


def _owned_orphans(scope: Scope) -> Select[str, str]:
    same = and_(Voice.provider == Orphan.provider, Voice.provider_voice_id == Orphan.provider_voice_id)
    ours = Voice.kind != VoiceKind.SYSTEM
    open_ones = (Orphan.state == OrphanState.OPEN, *scope.mine(Orphan.account_id))
    return select(Orphan.id, Voice.id).join(Voice, same).where(ours, *open_ones)
