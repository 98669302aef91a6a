"""Recordings: taken in once, prepared in a bounded child, and judged for good only where the recording is at fault."""

import hashlib
import math
import struct
import wave
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.audio import AudioToolFailed, ReferenceRules
from pipeline.db.engine import Database
from pipeline.errors import ConsentRequired
from pipeline.intake.rules import Talent
from pipeline.ledger.models import Account
from pipeline.references import service as references
from pipeline.references.models import Consent, Reference, ReferenceState
from pipeline.storage.port import StoreUnavailable
from tests.support import factories
from tests.support.stage import Stage, open_stage

RATE = 16_000


@pytest.fixture
def stage(sqlite_database: Database, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(sqlite_database, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twelve seconds of something like syllables, in a WAV file."""
    path = tmp_path_factory.mktemp("recording") / "talent.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", _sample(n)) for n in range(12 * RATE)))
    return path.read_bytes()


def _sample(n: int) -> int:
    syllable = 0.5 + 0.5 * math.sin(2 * math.pi * 3 * n / RATE)
    return round(9_000 * syllable * math.sin(2 * math.pi * (180 + 40 * syllable) * n / RATE))


def submit(stage: Stage, body: bytes, *, name: str = "mara", sha256: str | None = None) -> str:
    """Upload a recording and declare it; returns the reference's id."""
    digest = sha256 or hashlib.sha256(body).hexdigest()
    key = f"submissions/{digest}"
    if body:
        stage.store.put(key, body, content_type="application/octet-stream")
    with stage.edge.write() as session:
        owner = session.scalars(select(Account)).first() or factories.account(session)
        found = references.declare(session, account_id=owner.id, sha256=digest, filename=f"{name}.wav", object_key=key)
        return found.id


def look(stage: Stage, reference_id: str) -> Reference:
    with stage.database.read() as session:
        return session.get_one(Reference, reference_id)


def codes(stage: Stage, reference_id: str) -> list[str]:
    return [problem["code"] for problem in look(stage, reference_id).problems]


def test_a_recording_is_prepared_and_its_normalised_form_stored(stage: Stage, recording: bytes) -> None:
    prepared = submit(stage, recording)
    stage.work()
    found = look(stage, prepared)
    assert (found.state, found.attempt, found.problems) == (ReferenceState.READY, 1, [])
    assert found.seconds == pytest.approx(12, abs=0.5)
    assert set(found.measured) >= {"before", "after"}
    assert stage.store.head(found.normalised_key or "") is not None
    assert found.normalised_mime is not None


def test_the_same_bytes_are_one_reference_and_prepared_once(stage: Stage, recording: bytes) -> None:
    first = submit(stage, recording)
    stage.work()
    with stage.edge.write() as session:
        known = look(stage, first)
        again = references.declare(
            session, account_id=known.account_id, sha256=known.sha256, filename="other.wav", object_key="elsewhere"
        )
        assert again.id == first
    assert list(stage.messages.waiting) == []


def test_a_part_of_a_recording_is_a_reference_of_its_own(stage: Stage, recording: bytes) -> None:
    whole = look(stage, submit(stage, recording))

    def declare(sha256: str, trim: tuple[float, float] | None = None) -> str:
        with stage.edge.write() as session:
            facts = {"account_id": whole.account_id, "filename": "mara.wav", "object_key": whole.object_key}
            return references.declare(session, sha256=sha256, trim=trim, **facts).id

    part = declare(whole.sha256, (1.0, 11.5))
    assert declare(whole.sha256, (1.0, 11.5)) == part != whole.id
    stage.work()
    found = look(stage, part)
    assert found.state is ReferenceState.READY
    assert found.seconds == pytest.approx(10.5, abs=0.1)
    assert found.measured["part"] == {"seconds": [1.0, 11.5], "of_sha256": whole.sha256}
    with stage.edge.write() as session:
        references.lose(session, part)
    declare(found.sha256)
    stage.work()
    assert look(stage, part).seconds == found.seconds, "prepared anew, it is the same part"


def test_a_recording_that_cannot_be_used_is_refused_with_what_was_measured(stage: Stage) -> None:
    refused = submit(stage, b"#EXTM3U\nhttp://example.org/a.mp3\n")
    with pytest.raises(Exception, match="no MP3, WAV or M4A"):
        stage.work()
    found = look(stage, refused)
    assert found.state is ReferenceState.REFUSED
    assert {"code", "message", "measured", "allowed", "hint"} == set(found.problems[0])


def test_bytes_that_are_not_those_submitted_are_refused_and_make_room_for_the_right_ones(
    stage: Stage, recording: bytes
) -> None:
    altered = submit(stage, recording, sha256="0" * 64)
    with pytest.raises(Exception, match="not the one"):
        stage.work()
    assert codes(stage, altered) == ["reference_altered"]
    assert stage.store.head(look(stage, altered).object_key) is None


def test_a_recording_that_is_not_there_is_refused_and_tried_again_when_declared_again(
    stage: Stage, recording: bytes
) -> None:
    digest = hashlib.sha256(recording).hexdigest()
    missing = submit(stage, b"", sha256=digest)
    with pytest.raises(Exception, match="not there"):
        stage.work()
    assert codes(stage, missing) == ["reference_missing"]
    assert submit(stage, recording, sha256=digest) == missing
    stage.work()
    assert (look(stage, missing).state, codes(stage, missing)) == (ReferenceState.READY, [])


def test_a_recording_at_fault_is_not_tried_again(stage: Stage) -> None:
    refused = submit(stage, b"not audio at all")
    with pytest.raises(Exception, match="no MP3"):
        stage.work()
    known = look(stage, refused)
    with stage.edge.write() as session:
        references.declare(
            session, account_id=known.account_id, sha256=known.sha256, filename="x", object_key=known.object_key
        )
    assert look(stage, refused).state is ReferenceState.REFUSED


def test_a_recording_above_the_limit_is_refused_before_it_is_decoded(stage: Stage, recording: bytes) -> None:
    too_large = submit(stage, recording)
    job = begin(stage, too_large)
    outcome = references.prepare(stage.store, ReferenceRules(max_bytes=1_000), job)
    with stage.edge.write() as session:
        references.settle(session, job, outcome)
    assert codes(stage, too_large) == ["too_large"]


def begin(stage: Stage, reference_id: str) -> references.Job:
    with stage.edge.write() as session:
        job = references.begin(session, reference_id, stage.edge.holder)
    assert job is not None
    return job


def test_tools_that_fail_are_tried_three_times(stage: Stage, recording: bytes) -> None:
    failing = submit(stage, recording)
    for attempt in (1, 2, 3):
        job = begin(stage, failing)
        assert job.attempt == attempt
        with stage.edge.write() as session:
            references.settle(session, job, AudioToolFailed("out of memory"))
    assert (look(stage, failing).state, codes(stage, failing)) == (
        ReferenceState.REFUSED,
        ["reference_unpreparable"],
    )


def test_an_outage_of_the_bucket_does_not_count(
    stage: Stage, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = submit(stage, recording)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the bucket is away")

    monkeypatch.setattr(stage.store, "download", away)
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            stage.run("references.prepare", waiting)
    monkeypatch.undo()
    assert (look(stage, waiting).state, look(stage, waiting).attempt) == (ReferenceState.RECEIVED, 0)
    stage.settle_down(2)
    assert look(stage, waiting).state is ReferenceState.READY


def test_a_recording_that_kills_its_reader_is_refused_in_the_end(stage: Stage, recording: bytes) -> None:
    deadly = submit(stage, recording)
    for _ in range(3):
        begin(stage, deadly)
        stage.pass_time()
        stage.sweep()
    assert (look(stage, deadly).state, codes(stage, deadly)) == (ReferenceState.REFUSED, ["reference_unpreparable"])


def test_a_recording_whose_worker_died_is_prepared_by_another(stage: Stage, recording: bytes) -> None:
    left = submit(stage, recording)
    late = begin(stage, left)
    stage.kill_worker()
    stage.sweep()
    assert look(stage, left).state is ReferenceState.RECEIVED
    with stage.database.write() as session:
        factories.revive(session, stage.edge.holder)
    stage.settle_down(2)
    assert look(stage, left).state is ReferenceState.READY
    with stage.edge.write() as session:
        references.settle(session, late, AudioToolFailed("late"))
    assert look(stage, left).state is ReferenceState.READY


def test_a_lost_message_is_sent_again_once(stage: Stage, recording: bytes) -> None:
    submit(stage, recording)
    stage.messages.lose_all()
    stage.sweep(3)
    assert list(stage.messages.waiting) == []
    stage.pass_time()
    stage.sweep(3)
    assert len(stage.messages.of("references.prepare")) == 1


@pytest.mark.parametrize(
    ("record", "gap"),
    [
        ({"synthetic": True, "statement": "Yes."}, None),
        ({"synthetic": True, "statement": "Yes.", "expires_on": date(2020, 1, 1)}, "expires_on"),
        ({"synthetic": True, "statement": "Yes.", "scope": {"productions": ["show"]}}, "scope.productions"),
    ],
)
def test_a_consent_is_checked_when_it_is_used(stage: Stage, record: dict[str, object], gap: str | None) -> None:
    with stage.database.write() as session:
        owner = factories.account(session)
        stored = references.declare_consent(session, owner.id, factories.talent("mara", **record))
        if gap is None:
            references.require_consent(session, stored.id, "game", "en", date(2026, 1, 1))
        else:
            with pytest.raises(ConsentRequired, match=gap):
                references.require_consent(session, stored.id, "game", "en", date(2026, 1, 1))


def test_a_withdrawn_consent_covers_nothing(stage: Stage) -> None:
    with stage.database.write() as session:
        stored = references.declare_consent(session, factories.account(session).id, factories.talent("mara")).id
    with stage.database.write() as session:
        session.execute(update(Consent).values(revoked_at=1))
    with stage.database.read() as session, pytest.raises(ConsentRequired, match="revoked"):
        references.require_consent(session, stored, "game", "en", date(2026, 1, 1))


def test_a_talent_without_consent_is_not_declared(stage: Stage) -> None:
    silent = Talent("mara", "Mara", "mara.wav")
    with stage.database.write() as session, pytest.raises(ConsentRequired):
        references.declare_consent(session, "acct_1", silent)
