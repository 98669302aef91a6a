"""The edge: hints go out after a commit and never without one; a permit comes before a claim."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import Barrier, Event

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import edge as edges
from pipeline import gate as gates
from pipeline.db import leases, limits
from pipeline.db.events import emit
from pipeline.gate import Wish
from pipeline.ledger.models import Account
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage


def test_events_are_published_after_the_commit_in_order(stage: Stage) -> None:
    with stage.edge.write() as session:
        emit(session, "voice.wanted", "voice_1")
        emit(session, "attempt.reserved", "try_1")
        assert list(stage.messages.waiting) == []
    assert list(stage.messages.waiting) == [("voices.reserve", "voice_1"), ("voices.make", "try_1")]


def test_whoever_gets_the_hint_can_read_the_row(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(_: str, row_id: str) -> None:
        with stage.database.read() as session:
            seen.append(session.get(Account, row_id) is not None)

    monkeypatch.setattr(stage.messages, "publish", look)
    with stage.edge.write() as session:
        emit(session, "voice.wanted", factories.account(session).id)
    assert seen == [True]


def test_what_is_not_committed_is_not_published(stage: Stage) -> None:
    def fail() -> None:
        with stage.edge.write() as session:
            emit(session, "voice.wanted", "voice_1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(stage.messages.waiting) == []


def test_events_of_one_transaction_are_not_those_of_the_next(stage: Stage) -> None:
    for row in ("voice_1", "voice_2"):
        with stage.edge.write() as session:
            emit(session, "voice.wanted", row)
    assert stage.messages.of("voices.reserve") == ["voice_1", "voice_2"]


def test_what_has_happened_is_written_down_once_the_database_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(stage, monkeypatch, times=2)
    stage.edge.record(lambda session: emit(session, "voice.wanted", "voice_1"))
    assert stage.messages.of("voices.reserve") == ["voice_1"]


def test_a_database_that_stays_away_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    away(stage, monkeypatch, times=10)
    monkeypatch.setattr(edges, "AWAY_SECONDS", 0)
    with pytest.raises(OperationalError):
        stage.edge.record(lambda session: emit(session, "voice.wanted", "voice_1"))
    assert stage.messages.of("voices.reserve") == []


def test_a_claim_is_made_under_a_permit_that_is_given_back(stage: Stage) -> None:
    admission = stage.edge.admit(wish("the claim"))
    assert admission is not None
    assert (admission.claim, taken(stage)) == ("the claim", 1)
    stage.edge.dismiss(admission)
    assert taken(stage) == 0


def test_a_call_that_ends_hands_its_slot_to_a_thread_that_waits(stage: Stage) -> None:
    allow(stage, slots=1)
    first = stage.edge.admit(wish("first"))
    assert first is not None
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(stage.edge.admit, wish("second"))
        while not stage.edge.gate._queue:
            pass
        assert taken(stage) == 1
        stage.edge.dismiss(first)
        second = waiting.result(timeout=60)
    assert second is not None
    assert (second.claim, second.slot) == ("second", first.slot)
    stage.edge.dismiss(second)
    assert taken(stage) == 0


def test_who_waits_together_is_claimed_together(stage: Stage) -> None:
    queue = Queue()
    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(stage.edge.admit, Wish(queue.act, "job 0", 60))]
        assert queue.first.wait(60)
        waiting += [threads.submit(stage.edge.admit, Wish(queue.act, f"job {number}", 60)) for number in range(1, 6)]
        while len(stage.edge.gate._queue) < 6:
            pass
        queue.go_on.set()
    admissions = [done.result(timeout=60) for done in waiting]
    assert sorted(admission.claim for admission in admissions if admission) == [f"job {number}" for number in range(6)]
    assert len({admission.slot for admission in admissions if admission}) == 6
    assert [len(jobs) for jobs in queue.groups] == [1, 5]


def test_a_claim_that_fails_among_others_fails_alone(stage: Stage) -> None:
    queue = Queue()
    with ThreadPoolExecutor(4) as threads:
        waiting = {"zero": threads.submit(stage.edge.admit, Wish(queue.act, "zero", 60))}
        assert queue.first.wait(60)
        for job in ("one", "bad", "two"):
            waiting[job] = threads.submit(stage.edge.admit, Wish(queue.act, job, 60))
        while len(stage.edge.gate._queue) < 4:
            pass
        queue.go_on.set()
    claims = [waiting[job].result(timeout=60) for job in ("zero", "one", "two")]
    assert [admission.claim for admission in claims if admission] == ["zero", "one", "two"]
    with pytest.raises(ValueError, match=r"\['bad'\]"):
        waiting["bad"].result(timeout=60)
    assert stage.edge.gate.in_flight == 3


def test_the_next_claim_is_made_while_its_predecessor_calls(stage: Stage) -> None:
    allow(stage, slots=1)
    stage.edge.gate._slots.call_seconds = 0.3  # as calls took so far
    claimed, given_up = Event(), []

    def claim(_session: Session, jobs: Sequence[str], _holder: str, _seconds: float) -> Sequence[str]:
        claimed.set()
        return jobs

    first = stage.edge.admit(wish("first"))
    assert first is not None
    with ThreadPoolExecutor(1) as threads:
        ahead = Wish(claim, "second", 60, give_up=lambda _session, _job, claim: given_up.append(claim))
        waiting = threads.submit(stage.edge.admit, ahead)
        assert claimed.wait(60)
        assert not waiting.done()
        assert taken(stage) == 1
        stage.edge.dismiss(first)
        second = waiting.result(timeout=60)
    assert second is not None
    assert (second.slot, given_up) == (first.slot, [])


def test_what_cannot_be_taken_back_is_never_claimed_ahead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "PATIENCE_SECONDS", 0.2)
    allow(stage, slots=1)
    stage.edge.gate._slots.call_seconds = 0.1
    first = stage.edge.admit(wish("first"))
    assert first is not None
    assert stage.edge.admit(Wish(_never, "second", 60)) is None
    stage.edge.dismiss(first)


def test_a_claim_that_has_waited_for_long_is_made_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(stage, slots=1)
    stage.edge.gate._slots.call_seconds = 0.3
    claims, given_up = iter(("stale", "fresh")), []
    ahead = Wish(
        lambda _session, _jobs, _holder, _seconds: [next(claims)],
        "second",
        60,
        give_up=lambda _session, _job, claim: given_up.append(claim),
    )
    first = stage.edge.admit(wish("first"))
    assert first is not None
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(stage.edge.admit, ahead)
        while not stage.edge.gate._claimed:
            pass
        monkeypatch.setattr(stage.edge.gate, "is_stale", lambda ticket: ticket.claim == "stale")
        stage.edge.dismiss(first)
        second = waiting.result(timeout=60)
    assert second is not None
    assert (second.claim, given_up) == ("fresh", ["stale"])


def test_a_claim_made_ahead_whose_slot_does_not_come_is_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "PATIENCE_SECONDS", 0.2)
    allow(stage, slots=1)
    stage.edge.gate._slots.call_seconds = 0.1
    given_up: list[str] = []
    first = stage.edge.admit(wish("first"))
    assert first is not None
    ahead = wish("second", give_up=lambda _session, _job, claim: given_up.append(claim))
    assert stage.edge.admit(ahead) is None
    assert given_up == ["second"]
    stage.edge.dismiss(first)
    assert taken(stage) == 0


def test_after_a_refusal_for_speed_no_claim_made_before_it_is_used(stage: Stage) -> None:
    gate = stage.edge.gate
    ticket = gate.enter(wish("a", give_up=lambda _session, _job, _claim: None), 60)
    ticket.starts_at = gate.now()
    assert not gate.is_stale(ticket)
    stage.edge.cool_down(30)
    assert gate.is_stale(ticket)
    assert not gate.is_stale(gate.enter(wish("b"), 60))  # a clone has its slot, and cannot be taken back


def test_slots_are_shared_with_the_workers_that_beat(stage: Stage) -> None:
    allow(stage, slots=8)
    stage.edge.share_slots()
    assert stage.edge.gate._slots.share is None
    with stage.database.write() as session:
        for _ in range(2):
            leases.join(session)
    stage.edge.share_slots()
    assert stage.edge.gate._slots.share == 3


def test_where_nothing_was_claimed_no_permit_is_kept(stage: Stage) -> None:
    assert stage.edge.admit(Wish(lambda _session, _jobs, _holder, _seconds: [None], "job", 60)) is None
    assert taken(stage) == 0


def test_who_gets_no_permit_in_time_claims_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "PATIENCE_SECONDS", 0.05)
    allow(stage, slots=0)
    assert stage.edge.admit(Wish(_never, "job", 60)) is None


def test_a_claim_that_fails_keeps_no_permit(stage: Stage) -> None:
    with pytest.raises(RuntimeError):
        stage.edge.admit(Wish(_never, "job", 60))
    assert taken(stage) == 0


def test_what_is_recorded_together_is_one_transaction(stage: Stage) -> None:
    doing, queue = record(stage, ("zero", "one", "two", "three"))
    for done in doing.values():
        done.result(timeout=60)
    assert queue.groups[0] == ["zero"]
    assert sorted(queue.groups[1]) == ["one", "three", "two"]


def test_what_cannot_be_recorded_keeps_nothing_else_from_it(stage: Stage) -> None:
    doing, queue = record(stage, ("zero", "one", "bad", "two"))
    for what in ("zero", "one", "two"):
        doing[what].result(timeout=60)
    with pytest.raises(ValueError, match=r"\['bad'\]"):
        doing["bad"].result(timeout=60)
    assert sorted(what for items in queue.groups for what in items) == ["one", "two", "zero"]


def test_what_a_database_that_is_away_keeps_from_being_recorded_is_tried_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    gone = OperationalError("COMMIT", {}, OSError("gone"))

    def fail(_session: Session, items: Sequence[str], queue: Queue) -> None:
        queue.act(_session, items)
        tried.append(len(items))
        raise gone

    monkeypatch.setattr(edges, "AWAY_SECONDS", 0)
    doing, _ = record(stage, ("zero", "one", "two"), fail)
    for done in doing.values():
        with pytest.raises(OperationalError):
            done.result(timeout=60)
    assert tried == [1, 2]  # not each alone as well, a minute each


def test_the_next_part_waits_for_its_place(stage: Stage) -> None:
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=1, per_minute=60_000)
        limits.cool_down(session, PROVIDER, 0.05)
    stage.edge.wait_place()
    with stage.database.read() as session:
        assert limits.wait_place_ms(session, PROVIDER) <= 2


def away(stage: Stage, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let the database be away for the next few transactions."""
    real, refusals = stage.database.write, iter(range(times))

    def write(*, first: bool = False) -> AbstractContextManager[Session]:
        if next(refusals, None) is not None:
            raise OperationalError("BEGIN", {}, OSError("gone"))
        return real(first=first)

    monkeypatch.setattr(edges, "RETURN_SECONDS", 0)
    monkeypatch.setattr(stage.database, "write", write)


def taken(stage: Stage) -> int:
    with stage.database.read() as session:
        rows = session.query(limits.Slot).filter(limits.Slot.holder.is_not(None))
        return rows.count()


class Queue:
    """What is done in groups; the first group waits until it may go on, so that others come along."""

    def __init__(self) -> None:
        self.first, self.go_on = Event(), Event()
        self.groups: list[list[str]] = []

    def act(self, _session: Session, jobs: Sequence[str], *_terms: object) -> Sequence[str]:
        self.first.set()
        assert self.go_on.wait(60)
        if "bad" in jobs:
            raise ValueError(list(jobs))
        self.groups.append(list(jobs))
        return jobs


def record(
    stage: Stage, what: Sequence[str], act: Callable[[Session, Sequence[str], "Queue"], object] | None = None
) -> tuple[dict[str, Future[None]], Queue]:
    """Record the first alone, and the others while it is at it."""
    queue = Queue()
    # One object: what is recorded by the same function goes together.
    write = partial(act, queue=queue) if act else queue.act
    with ThreadPoolExecutor(len(what)) as threads:
        doing = {what[0]: threads.submit(stage.edge.record_together, write, what[0])}
        assert queue.first.wait(60)
        doing |= {item: threads.submit(stage.edge.record_together, write, item) for item in what[1:]}
        while len(stage.edge.scribe._entries) < len(what) - 1:
            pass
        queue.go_on.set()
    return doing, queue


def allow(stage: Stage, *, slots: int) -> None:
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=slots, per_minute=6_000_000)


def test_what_follows_a_call_is_done_a_few_at_a_time_and_nobody_waits_for_long(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "FINISHING_SECONDS", 0.2)
    inside, all_in = [], Barrier(edges.FINISHING + 2)

    def follow() -> None:
        with stage.edge.finish():
            inside.append(stage.edge.gate.now())
            all_in.wait(10)  # as a bucket that answers nobody before all have asked

    with ThreadPoolExecutor() as threads:
        began = stage.edge.gate.now()
        following = [threads.submit(follow) for _ in range(edges.FINISHING + 1)]
        all_in.wait(10)
        for done in following:
            done.result()
    waited = [moment - began >= 0.2 for moment in sorted(inside)]
    assert waited == [*[False] * edges.FINISHING, True]


def test_what_follows_a_call_waits_while_another_call_begins(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "BEGINNING_SECONDS", 0.1)
    admission = stage.edge.admit(wish("next"))
    assert admission is not None
    began = stage.edge.gate.now()
    with stage.edge.finish():
        assert 0.05 < stage.edge.gate.now() - began < edges.FINISHING_SECONDS
    stage.edge.dismiss(admission)


def test_it_does_not_wait_for_long_where_calls_begin_all_the_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "BEGINNING_SECONDS", 60.0)
    monkeypatch.setattr(edges, "FINISHING_SECONDS", 0.1)
    admission = stage.edge.admit(wish("next"))
    assert admission is not None
    began = stage.edge.gate.now()
    with stage.edge.finish():
        assert 0.1 <= stage.edge.gate.now() - began < 5
    stage.edge.dismiss(admission)


def wish(job: str, give_up: Callable[[Session, str, str], None] | None = None) -> Wish[str, str]:
    return Wish(lambda _session, jobs, _holder, _seconds: jobs, job, 60, give_up=give_up)


def _never(_session: Session, _jobs: Sequence[str], _holder: str, _seconds: float) -> Sequence[str | None]:
    raise RuntimeError("nothing may be claimed")
