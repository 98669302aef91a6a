"""How soon work goes on when a worker is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import select

from benchmarks.frame.figures import Figure, Size, at_most
from benchmarks.ground.product import Product, product, until
from benchmarks.ground.upstream import Terms
from benchmarks.measures.cpu import bench_on
from benchmarks.rivals.runs import CELERY, SENDING, Unfinished, ended
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from tests.support.stack import ROOT

TERMS = Terms(0.3, 8)
LINES = 300
HEAD_START = 24
SWEEP_SECONDS = 100.0
"""kombu looks for messages to send again every 10 s, and does so each tenth time: the documented defaults."""
VISIBILITY_SECONDS = 10
RIVAL_LINES = 48


@dataclass(frozen=True)
class Recovery:
    """kill -9 of the only worker in the middle of its calls."""

    name: str = "recovery"
    about: str = "kill -9 of the only worker: until work goes on, against kombu's redelivery of late-acked messages"
    seconds: float = 60.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Kill ours; kill bare Celery's in the full size, which takes minutes to notice."""
        with product(TERMS) as stage:
            resumed, repeated = _kill_ours(stage)
            theirs = _kill_celery(stage) if size is Size.FULL else (SWEEP_SECONDS, "documented sweep")
        seconds, known = theirs
        return (
            Figure("resumed", resumed, "s", f"kombu's {seconds:.0f} s, {known}", at_most(10.0)),
            Figure("repeated", repeated, "s", "until all lines the worker had begun are spoken", at_most(10.0)),
            Figure("celery", seconds, "s", known),
        )


def redelivered(wait: Callable[[], None]) -> tuple[float, str]:
    """Return after how many seconds all lines were spoken, or given up, and what that says."""
    started = time.monotonic()
    try:
        wait()
    except Unfinished as left:
        return time.monotonic() - started, f"given up: {left}"
    return time.monotonic() - started, "measured"


def _kill_ours(stage: Product) -> tuple[float, float]:
    run_id = stage.customer.submit("killed", LINES)()
    until(lambda: stage.count_spoken(run_id) >= HEAD_START, "the run is under way", seconds=60)
    os.kill(stage.part_pid("worker"), signal.SIGKILL)
    killed, wall = time.monotonic(), time.time()
    begun = _begun(stage)
    stage.wait(run_id)
    calls = stage.upstream.calls(TERMS)
    with stage.database.read() as session:
        done = session.scalars(select(Take.done_at).where(Take.id.in_(begun))).all()
    repeated = max((millis / 1000 - wall for millis in done if millis is not None), default=0.0)
    return min(call for call in calls.begun if call > killed) - killed, repeated


def _begun(stage: Product) -> Sequence[str]:
    with stage.database.read() as session:
        return session.scalars(select(Take.id).where(Take.state == TakeState.SPEAKING)).all()


def _kill_celery(stage: Product) -> tuple[float, str]:
    """Kill the only worker of bare Celery, start another at once, and wait until all is spoken that was sent."""
    late = {"BENCH_LATE_ACK": "1", "BENCH_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS)}
    stage.upstream.begin(TERMS)
    with bench_on(stage, "sqlite") as bench, ExitStack() as opened:
        environment = bench.environment(**late)
        bench.add(0, RIVAL_LINES)
        log = opened.enter_context((bench.folder / "late.log").open("wb"))
        command = [sys.executable, "-m", *(word.format(threads=TERMS.concurrent) for word in CELERY.worker)]
        first = opened.enter_context(ended(command, environment, log.fileno()))
        send = [sys.executable, "-m", SENDING, CELERY.module, "0", str(RIVAL_LINES)]
        subprocess.run(send, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=60)
        until(lambda: bench.count_done(0, RIVAL_LINES) >= TERMS.concurrent, "celery is under way", seconds=60)
        os.kill(first, signal.SIGKILL)
        opened.enter_context(ended(command, environment, log.fileno()))
        return redelivered(lambda: bench.wait(0, RIVAL_LINES))
