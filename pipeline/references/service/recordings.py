"""Recordings are taken in, decoded and measured in a bounded child process, and normalised for the provider."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from pipeline.audio import AudioRejected, AudioToolFailed, Part, PreparedReference, ReferenceRules, prepare_reference
from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.references.models import FILENAME_LIMIT, Reference, ReferenceState
from pipeline.references.rules import (
    PASSING,
    altered,
    lost,
    missing,
    normalised_key,
    oversized,
    reference_identity,
    unpreparable,
)
from pipeline.scratch import Scratch
from pipeline.storage.port import ObjectExists, ObjectMissing, ObjectStore, ObjectTooLarge, StorageError

LEASE_SECONDS = 120
"""Longer than the child's wall limit and both transfers together."""
MAX_ATTEMPTS = 3
PART = "part"
"""What of the measurements says which part of a recording is meant; it is there before anything is measured."""
HINT_MS = 5_000
"""A recording not taken up for this long is announced again: its message is lost."""


@dataclass(frozen=True)
class Job:
    """A claimed recording."""

    id: str
    fence: int
    attempt: int
    account_id: str
    sha256: str
    object_key: str
    part: Part | None = None
    original_sha256: str = ""
    """Of the recording of which a part is meant."""


@dataclass(frozen=True)
class Prepared:
    """A recording fit to be cloned from, stored in its normalised form."""

    audio: PreparedReference
    key: str


Outcome = Prepared | AudioRejected | AudioToolFailed | StorageError


def declare(
    session: Session,
    *,
    account_id: str,
    sha256: str,
    filename: str,
    object_key: str,
    trim: tuple[float, float] | None = None,
) -> Reference:
    """Take in a recording that lies in the bucket, or a part of it in seconds; the same sound is one reference."""
    identity = reference_identity(sha256, trim)
    reference = find(session, account_id, identity)
    if reference is None:
        reference = Reference(
            id=new_id("ref"),
            account_id=account_id,
            sha256=identity,
            measured={PART: {"seconds": list(trim), "of_sha256": sha256}} if trim else {},
            filename=filename[-FILENAME_LIMIT:],
            object_key=object_key,
        )
        session.add(reference)
    elif _may_be_fit(reference):
        reference.state, reference.attempt, reference.problems = ReferenceState.RECEIVED, 0, []
    else:
        return reference
    session.flush()
    emit(session, "reference.received", reference.id)
    return reference


def find(session: Session, account_id: str, sha256: str) -> Reference | None:
    """Return the recording with these bytes, or the part of one with this identity, where the account has it."""
    return session.scalar(select(Reference).where(Reference.account_id == account_id, Reference.sha256 == sha256))


def original_sha256(reference: Reference) -> str:
    """Return the hash of a recording as it was submitted, also where a part of it is meant."""
    part = reference.measured.get(PART)
    return str(part["of_sha256"]) if part else reference.sha256


def begin(session: Session, reference_id: str, holder: str) -> Job | None:
    """Claim a recording for preparation."""
    states = (ReferenceState.RECEIVED, ReferenceState.PREPARING)
    row = leases.claim(session, Reference, reference_id, holder=holder, seconds=LEASE_SECONDS, state=states)
    if row is None:
        return None
    row.attempt += 1
    part = row.measured.get(PART)
    meant = {"part": Part(*part["seconds"]), "original_sha256": part["of_sha256"]} if part else {}
    return Job(row.id, row.fence, row.attempt, row.account_id, row.sha256, row.object_key, **meant)


def prepare(store: ObjectStore, rules: ReferenceRules, job: Job) -> Outcome:
    """Decode, measure, validate and normalise a recording, and store the result."""
    with Scratch() as folder:
        source = folder / "original"
        try:
            store.download(job.object_key, source, max_bytes=rules.max_bytes)
            _require_same_bytes(store, job, source)
            audio = prepare_reference(source, folder, rules, part=job.part)
            key = normalised_key(job.account_id, job.sha256, audio.path.suffix)
            _keep(store, key, audio)
        except ObjectMissing:
            return AudioRejected([missing()])
        except ObjectTooLarge as error:
            return AudioRejected([oversized(str(error), rules.max_bytes)])
        except (AudioRejected, AudioToolFailed, StorageError) as error:
            return error
    return Prepared(audio, key)


def settle(session: Session, job: Job, outcome: Outcome) -> None:
    """Record what became of a claimed recording."""
    match outcome:
        case Prepared():
            _settle_ready(session, job, outcome)
        case AudioRejected():
            _settle_refused(session, job, [asdict(problem) for problem in outcome.problems])
        case AudioToolFailed() if job.attempt < MAX_ATTEMPTS:
            _settle(session, job, "reference.received", state=ReferenceState.RECEIVED)
        case AudioToolFailed():
            _settle_refused(session, job, [asdict(unpreparable(str(outcome), MAX_ATTEMPTS))])
        case StorageError():
            # The bucket's fault and not the recording's: it does not count, and the sweeper announces it again.
            leases.settle(session, Reference, job.id, job.fence, state=ReferenceState.RECEIVED, attempt=job.attempt - 1)


def lose(session: Session, reference_id: str) -> None:
    """Note that the normalised form of a recording is gone; declared again, it is prepared anew from its original."""
    ready = update(Reference).where(Reference.id == reference_id, Reference.state == ReferenceState.READY)
    session.execute(ready.values(state=ReferenceState.REFUSED, problems=[asdict(lost())]))


def is_busy() -> ColumnElement[bool]:
    """Say whether any recording has yet to be prepared."""
    return exists().where(Reference.state.in_((ReferenceState.RECEIVED, ReferenceState.PREPARING)))


def sweep(session: Session) -> None:
    """Take back recordings whose worker is gone, and announce those that nobody has taken up."""
    gone = (Reference.state == ReferenceState.PREPARING, leases.lapsed(Reference))
    for row in session.scalars(select(Reference).where(*gone)).all():
        lost = AudioToolFailed("the process that decoded it is gone")
        settle(session, Job(row.id, row.fence, row.attempt, row.account_id, row.sha256, row.object_key), lost)
    late = (Reference.state == ReferenceState.RECEIVED, Reference.created_at < now_ms() - HINT_MS)
    for reference_id in leases.announce(session, Reference, *late):
        emit(session, "reference.received", reference_id)


def _may_be_fit(reference: Reference) -> bool:
    # What was wrong with the upload or with our tools says nothing of the recording.
    wrong = {problem["code"] for problem in reference.problems}
    return reference.state is ReferenceState.REFUSED and bool(wrong & PASSING)


def _settle_ready(session: Session, job: Job, prepared: Prepared) -> None:
    audio = prepared.audio
    part = {PART: {"seconds": list(job.part), "of_sha256": job.original_sha256}} if job.part else {}
    _settle(
        session,
        job,
        "reference.ready",
        state=ReferenceState.READY,
        seconds=audio.before.seconds,
        measured=audio.as_dict() | part,
        normalised_key=prepared.key,
        normalised_mime=audio.mime,
    )


def _settle_refused(session: Session, job: Job, problems: list[dict[str, Any]]) -> None:
    _settle(session, job, "reference.refused", state=ReferenceState.REFUSED, problems=problems)


def _settle(session: Session, job: Job, event: str, **values: object) -> None:
    if leases.settle(session, Reference, job.id, job.fence, **values):
        emit(session, event, job.id)


def _require_same_bytes(store: ObjectStore, job: Job, source: Path) -> None:
    with source.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    declared = job.original_sha256 or job.sha256
    if found != declared:
        store.delete(job.object_key)  # else the right bytes could never be uploaded: their place would be taken
        raise AudioRejected([altered(found, declared)])


def _keep(store: ObjectStore, key: str, audio: PreparedReference) -> None:
    try:
        store.put(key, audio.path, content_type=audio.mime, metadata={"sha256": audio.sha256})
    except ObjectExists:
        return  # the same bytes prepared by a twin or an earlier attempt
