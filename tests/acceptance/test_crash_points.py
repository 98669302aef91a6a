"""Each point at which a paid call can be cut off, and the one state it ends in: real processes, cut off there.

A stack runs with its supervisor, broker, bucket, provider and sweeper as separate programs. At most points its worker
is killed with SIGKILL and started again by the supervisor; at `crash.STOPS` it is stopped, something happens to the
world, and it goes on as if no time had passed.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from pipeline import crash
from pipeline.audit.service import audit
from pipeline.db.clock import now_ms
from pipeline.speech.models import Take
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState
from tests.support.faults.bench import HASTE_SECONDS, Bench, bench, go_on, second_worker, until
from tests.support.faults.ledgers import Ledgers
from tests.support.faults.naive import naive_environment
from tests.support.recordings import mp3_bytes, speech_like, tagged
from tests.support.stack import UNHEARD, one_voice, sheet, write_project

pytestmark = pytest.mark.timeout(400)
CLONE = 2_100_000
HOUR_MS = 3_600_000
OUTAGE_SECONDS = 1.0
SETTLING_SECONDS = 60.0
TRIALS = 5
TAKEN_OVER = ("zombie", "clock_jump")
"""Where somebody else has to be there to take over."""


@dataclass(frozen=True)
class CloneEnd:
    """What is left when all that could happen has happened; amounts in micro-dollars."""

    attempts: tuple[str, ...] = ("succeeded by answer",)
    """What became of each, and what has settled it."""
    run: str = "done"
    posts: int = 1
    charges: int = 1
    held: int = 0
    unbooked: int = 0
    """What the provider has taken and we have not booked as spent or lost."""


ANSWERED = CloneEnd()
LOST_VOICE = CloneEnd(("operator by charged_voice_lost",), run="partial", held=CLONE, unbooked=CLONE)
CLONES: Mapping[str, CloneEnd] = {
    "before_intent": ANSWERED,
    "intent_committed": ANSWERED,
    "before_sending_commit": ANSWERED,
    # The balance proves that nothing was charged, so that a second attempt is no duplicate.
    "sending_committed": CloneEnd(("released by not_made", "succeeded by answer")),
    # The voice was made and nobody has read its id: only a person can go on from here.
    "bytes_sent": LOST_VOICE,
    # From here on the answer is on disk.
    "response_read": ANSWERED,
    "in_result_tx": ANSWERED,
    "result_committed": ANSWERED,
    # These two are about an attempt in doubt: the provider has cut its connection, before or after its work.
    "in_reconcile": CloneEnd(("released by not_made", "succeeded by answer"), posts=2),
    "reconcile_tx": LOST_VOICE,
    "zombie": ANSWERED,
    "broker_lost": ANSWERED,
    "db_lost": ANSWERED,
    "clock_jump": ANSWERED,
}
CUT_OFF = {"in_reconcile": "reset_before", "reconcile_tx": "reset_after_charge"}


@dataclass(frozen=True)
class SpeechEnd:
    """What is left of one line; money counts in its price."""

    run: str = "done"
    posts: int = 1
    charges: int = 1
    booked: int = 1
    confirmed: int = 1
    """What an answer has told the price of; the rest of what is booked is what a lost call may have cost."""
    wasted: int = 0


SPOKEN_ONCE = SpeechEnd()
SPOKEN_TWICE = SpeechEnd(posts=2, charges=2, booked=2, wasted=1)
SPEECHES: Mapping[str, SpeechEnd] = {
    "before_intent": SPOKEN_ONCE,
    "intent_committed": SPOKEN_ONCE,
    "before_sending_commit": SPOKEN_ONCE,
    # Nobody can tell that nothing was sent: what it may have cost is booked.
    "sending_committed": SpeechEnd(booked=2, wasted=1),
    "bytes_sent": SPOKEN_TWICE,
    "response_read": SPOKEN_TWICE,
    # From here on the audio is in the bucket, and whoever takes over finds it there.
    "in_result_tx": SPOKEN_ONCE,
    "result_committed": SPOKEN_ONCE,
    # Somebody else listens to it: the run waits for the verdict, and nothing is spoken again.
    "hearing": SPOKEN_ONCE,
    "in_reconcile": SPOKEN_ONCE,
    "reconcile_tx": SPOKEN_ONCE,
    # Another worker has spoken the line when the first one wakes and does so again.
    "zombie": SPOKEN_TWICE,
    "broker_lost": SPOKEN_ONCE,
    "db_lost": SPOKEN_ONCE,
    "clock_jump": SPOKEN_TWICE,
}
STORED_BEFORE = ("in_reconcile", "reconcile_tx")
"""These two are about a line whose audio is found: its worker was killed before."""

Deed = Callable[[Bench, str], None]
Writer = Callable[[str], Path]


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"crash-{kind}")) for kind in ("sqlite", "postgresql")],
)
def stage(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """One stack a database for all points."""
    with bench(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def recording() -> bytes:
    return mp3_bytes(speech_like(11, 44_100, seed=5))


def test_there_is_an_end_for_every_point() -> None:
    assert {*CLONES, "hearing"} == set(SPEECHES) == set(crash.POINTS)  # a clone is not listened to


@pytest.mark.parametrize("point", CLONES)
def test_a_clone_cut_off_at_any_point_is_never_charged_twice(
    stage: Bench, recording: bytes, tmp_path: Path, point: str
) -> None:
    if point in CUT_OFF:
        cut = {"point": CUT_OFF[point], "route": "voice-clone", "count": 1}
        stage.stack.sandbox("faults", {"faults": [cut]})
    with second_worker(stage) if point in TAKEN_OVER else nullcontext():
        run_id, before = strike(stage, cast_of_one(tmp_path, recording), [point], CLONE_DEEDS.get(point, nothing))
        expect(stage, run_id, CLONES[point], lambda: clone_end(stage, run_id, before))
    settle_by_person(stage, run_id)
    after = stage.ledgers().since(before)
    assert (after.charged - after.booked, after.held) == (0, 0)


@pytest.mark.parametrize("point", SPEECHES)
def test_a_line_cut_off_at_any_point_is_spoken_and_what_it_may_have_cost_is_booked(
    stage: Bench, tmp_path: Path, point: str
) -> None:
    with second_worker(stage) if point in TAKEN_OVER else nullcontext():
        points = ["in_result_tx", point] if point in STORED_BEFORE else [point]
        run_id, before = strike(
            stage, one_line(tmp_path, is_heard=point == "hearing"), points, SPEECH_DEEDS.get(point, nothing)
        )
        expect(stage, run_id, SPEECHES[point], lambda: speech_end(stage, run_id, before))


def test_without_the_answer_on_disk_a_clone_whose_answer_was_read_waits_for_a_person(
    stage: Bench, recording: bytes, tmp_path: Path
) -> None:
    run_id, before = strike(stage, cast_of_one(tmp_path, recording), ["response_read"], lose_the_disk)
    expect(stage, run_id, LOST_VOICE, lambda: clone_end(stage, run_id, before))
    settle_by_person(stage, run_id)


def test_a_sender_asleep_for_longer_than_the_quiescence_is_found_out(
    stage: Bench, recording: bytes, tmp_path: Path
) -> None:
    """The bound of the promise: who sleeps past the wait and then sends has paid twice, and both are on the books."""
    with second_worker(stage):
        run_id, before = strike(stage, cast_of_one(tmp_path, recording), ["zombie"], oversleep)
        twice = CloneEnd(("released by not_made", "succeeded by answer"), posts=2, charges=2)
        expect(stage, run_id, twice, lambda: clone_end(stage, run_id, before))
    assert [orphan.cost for orphan in stage.orphans(run_id)] == [CLONE]
    assert stage.ledgers().since(before).lost == CLONE


def test_a_worker_that_sends_again_when_in_doubt_pays_twice_and_is_found_out(recording: bytes, tmp_path: Path) -> None:
    """The control: the same cell without the protection."""
    (tmp_path / "naive").mkdir()
    with bench("sqlite", **naive_environment(tmp_path / "naive")) as stage:
        run_id, before = strike(stage, cast_of_one(tmp_path / "cast", recording), ["bytes_sent"], nothing)
        stage.finish(run_id)
        end = clone_end(stage, run_id, before)
    assert end != CLONES["bytes_sent"]
    assert (end.posts, end.charges, end.unbooked) == (2, 2, CLONE)


def strike(stage: Bench, write: Writer, points: Sequence[str], deed: Deed) -> tuple[str, Ledgers]:
    """Start a run, let a worker meet each point, do the deed at the last one; return the run and the books before it.

    A process that is stopped may hold SQLite's one lock in another of its threads. Then nothing could happen to the
    world meanwhile: it goes on, and another run is tried.
    """
    for _ in range(TRIALS):
        before = stage.ledgers()
        run_id, met = meet(stage, write(f"{points[-1]}_{secrets.token_hex(3)}"), points)
        if points[-1] not in crash.STOPS or not stage.world.is_held(stage.stack.home):
            break
        go_on(met)
        stage.finish(run_id)
    else:
        raise AssertionError(f"a worker that was stopped held the database's lock in each of {TRIALS} runs")
    try:
        deed(stage, run_id)
    finally:
        if points[-1] in crash.STOPS:
            go_on(met)
    return run_id, before


def meet(stage: Bench, project: Path, points: Sequence[str]) -> tuple[str, psutil.Process]:
    """Start a run and let a worker meet each point, one after the other."""
    workers = stage.workers()
    stage.arm(points[0])
    run_id = stage.apply(project)
    met = stage.struck(workers, points[0])
    for point in points[1:]:
        # Whoever takes over may be there and gone again before anybody has asked who it is.
        assert point not in crash.STOPS
        stage.arm(point)
        until(lambda: passed(stage), "a worker passes the next point", every=HASTE_SECONDS)
    return run_id, met


def passed(stage: Bench) -> bool:
    """Tell whether the armed point was met, and let no lost message keep it."""
    stage.hasten()
    return not stage.armed.exists()


def expect(stage: Bench, run_id: str, expected: object, observe: Callable[[], object]) -> None:
    """Wait until the end is as expected, and look that the books agree with themselves."""
    stage.finish(run_id)
    try:
        until(
            lambda: (observe(), stage.kept()) == (expected, []), "all is settled", seconds=SETTLING_SECONDS, every=0.2
        )
    except AssertionError:
        assert (observe(), stage.kept()) == (expected, [])
    assert_audited(stage)


def clone_end(stage: Bench, run_id: str, before: Ledgers) -> CloneEnd:
    come = stage.ledgers().since(before)
    return CloneEnd(
        attempts=tuple(f"{row.state} by {row.verdict or row.error_kind or 'answer'}" for row in stage.attempts(run_id)),
        run=stage.status(run_id)["state"],
        posts=come.posts["voice-clone"],
        charges=come.sold["voice-clone"],
        held=come.held,
        unbooked=come.charged - come.booked,
    )


def speech_end(stage: Bench, run_id: str, before: Ledgers) -> SpeechEnd:
    come = stage.ledgers().since(before)
    price = stage.takes(run_id)[0].estimate
    return SpeechEnd(
        run=stage.status(run_id)["state"],
        posts=come.posts["speech"],
        charges=come.sold["speech"],
        booked=come.booked // price,
        confirmed=come.confirmed // price,
        wasted=stage.run(run_id).wasted,
    )


def settle_by_person(stage: Bench, run_id: str) -> None:
    """Write off what waits for a decision, as `callsheet reconcile` does."""
    for attempt in stage.attempts(run_id):
        if attempt.state is AttemptState.OPERATOR:
            stage.decide(attempt.id, "write_off", "The provider shows no such voice.")
    assert_audited(stage)


def assert_audited(stage: Bench) -> None:
    """Recompute every invariant from scratch, as `callsheet audit` does."""
    with stage.database.read() as session:
        broken = [row for finding in audit(session).findings for row in finding.broken]
    assert broken == []


def cast_of_one(folder: Path, recording: bytes) -> Writer:
    """Return a maker of productions with a cloned voice that nothing has been cloned from, and one line of it."""

    def clone(name: str) -> Path:
        lines = sheet((f"{name}_1", "HERO", f"A voice for {name}."))
        return write_project(folder / name, one_voice(name), lines, {"references/mara.mp3": tagged(recording, name)})

    return clone


def one_line(folder: Path, *, is_heard: bool) -> Writer:
    """Return a maker of productions with one line of a system voice."""
    quality = "" if is_heard else UNHEARD

    def speech(name: str) -> Path:
        cast = f"production: {name}\nlanguage: en\ncharacters:\n  HERALD: {{voice: {{system: English_Announcer}}}}\n"
        lines = sheet((f"{name}_1", "HERALD", f"One line for {name}."))
        return write_project(folder / name, f"{cast}{quality}lines: lines.csv\n", lines)

    return speech


# --- what happens to the world while the worker does not run


def nothing(_stage: Bench, _run_id: str) -> None:
    """Let the supervisor do its work."""


def lose_the_broker(stage: Bench, _run_id: str) -> None:
    stage.stack.kill("valkey")


def lose_the_database(stage: Bench, _run_id: str) -> None:
    """Let the worker go on while the database is away."""
    (stopped,) = [worker for worker in stage.workers() if worker.status() == psutil.STATUS_STOPPED]
    with stage.world.lost(stage.stack.home):
        go_on(stopped)
        stage.pause(OUTAGE_SECONDS)


def lose_the_disk(stage: Bench, run_id: str) -> None:
    (attempt,) = stage.attempts(run_id)
    assert stage.kept() == [attempt.id]
    (stage.settings.spool / attempt.id).unlink()


def be_taken_for_dead(stage: Bench, run_id: str) -> None:
    """Wait until the clone is in doubt and somebody has looked at the evidence once."""
    until(lambda: [row for row in stage.attempts(run_id) if row.checks], "somebody has taken over the doubt")


def oversleep(stage: Bench, run_id: str) -> None:
    """Sleep until a new attempt was made; that time passes is written into the row."""
    be_taken_for_dead(stage, run_id)
    with stage.database.write() as session:
        session.execute(update(Attempt).where(Attempt.run_id == run_id).values(doubted_at=0, not_before=0))
    until(lambda: len(stage.attempts(run_id)) > 1 and stage.attempts(run_id)[1].settled_at, "a new attempt was made")


def let_clone_lapse(stage: Bench, run_id: str) -> None:
    """Move the clock on by an hour, as the claim sees it."""
    with stage.database.write() as session:
        lapsing = update(Attempt).where(Attempt.run_id == run_id)
        session.execute(lapsing.values(lease_until=now_ms() - HOUR_MS))
    be_taken_for_dead(stage, run_id)


def be_spoken_by_another(stage: Bench, run_id: str) -> None:
    stage.finish(run_id)


def let_speech_lapse(stage: Bench, run_id: str) -> None:
    """Move the clock on by an hour, as the claim sees it."""
    (take,) = stage.takes(run_id)
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.id == take.id).values(lease_until=now_ms() - HOUR_MS))
    stage.finish(run_id)


CLONE_DEEDS: Mapping[str, Deed] = {
    "zombie": be_taken_for_dead,
    "broker_lost": lose_the_broker,
    "db_lost": lose_the_database,
    "clock_jump": let_clone_lapse,
}
SPEECH_DEEDS: Mapping[str, Deed] = {
    "zombie": be_spoken_by_another,
    "broker_lost": lose_the_broker,
    "db_lost": lose_the_database,
    "clock_jump": let_speech_lapse,
}
