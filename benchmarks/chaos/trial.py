"""The same production twice on one stack: once in peace, and once in a storm until every line is spoken."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from benchmarks.chaos import accounts
from benchmarks.chaos.breaking import Breaker
from benchmarks.chaos.production import write_production
from benchmarks.chaos.weather import Fault
from pipeline.errors import CallsheetError, SystemicFailure
from pipeline.storage.port import ObjectStore
from pipeline.storage.s3 import S3Store
from tests.support.faults.bench import Bench, bench, second_worker, until
from tests.support.faults.s3_proxy import Proxy, running_proxy
from tests.support.weed import weed_server

THREADS = 16
"""Of each of the two workers: as many calls are lost with one at most."""
SETTINGS = {
    "CALLSHEET_WORKER_THREADS": str(THREADS),
    "CALLSHEET_SPEECH_TIMEOUT_SECONDS": "5",
    "CALLSHEET_SANDBOX_LATENESS_SECONDS": "2",
    "CALLSHEET_QUIESCENCE_SECONDS": "15",
}
BUCKET = "callsheet"
LATENCY_MS = 100
FAILING_SECONDS = 1.5
POLL_SECONDS = 0.1
ASK_SECONDS = 1.0
"""How often the stack is asked how it stands, which costs it something."""
SETTLING_SECONDS = 90.0
LONGEST_SECONDS = 1_800.0
TIMED_LINES = 1_000
"""Below that the start of one worker is longer than the whole run in peace."""


@dataclass(frozen=True)
class Size:
    """How large the production is."""

    lines: int
    clones: int


@dataclass(frozen=True)
class Result:
    """What is left when all is over."""

    size: Size
    faults: int
    kills: int
    lost_answers: int
    """Lines whose answer the provider has kept back after it was paid: one more call each."""
    lost: int
    double_settled: int
    duplicate_charges: int
    duplicate_speech: int
    unresolved: int
    written_off: int
    too_much_micros: int
    seconds: float
    baseline_seconds: float
    """0 where nothing was made in peace."""
    books_agree: bool
    audit: Sequence[str]
    """The rows that break an invariant."""

    def broken_promises(self) -> Sequence[str]:
        """Say which promises were not kept."""
        bound = self.kills * THREADS + self.lost_answers
        promises = {
            "no line is lost": self.lost == 0,
            "nothing is settled twice": self.double_settled == 0,
            "no voice is charged twice": self.duplicate_charges == 0,
            f"at most {bound} lines are paid again": self.duplicate_speech <= bound,
            "every doubt is settled": self.unresolved == 0,
            "both books agree to the micro-dollar": self.books_agree,
            f"the audit holds {list(self.audit)}": not self.audit,
        }
        if self.size.lines >= TIMED_LINES and self.baseline_seconds:
            promises["it takes twice as long as in peace at most"] = self.seconds <= 2 * self.baseline_seconds
        return [promise for promise, kept in promises.items() if not kept]

    def summary(self) -> str:
        """Return the one line that says it all."""
        return (
            f"lines={self.size.lines} clones={self.size.clones} faults={self.faults} lost={self.lost}"
            f" double_settled={self.double_settled} duplicate_charges={self.duplicate_charges}"
            f" duplicate_speech={self.duplicate_speech} unresolved={self.unresolved}"
            f" seconds={self.seconds:.1f} baseline_seconds={self.baseline_seconds:.1f}"
        )


def try_out(
    kind: str,
    size: Size,
    faults: Iterable[Fault],
    environment: Mapping[str, str] | None = None,
    *,
    in_peace: bool = True,
) -> Result:
    """Make a production under these faults, on a database `sqlite` or `postgresql`.

    Another one is made in peace before it, to compare the time with, unless `in_peace` is False.
    """
    with _stage(kind, environment or {}) as (stage, storage), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage.stack.sandbox("options", {"latency_ms": LATENCY_MS})
        baseline = 0.0
        if in_peace:
            baseline = _Producer(stage, folder, "calm", size).produce(Breaker(stage, storage.proxy, iter(())))
            sys.stdout.write(f"in peace it takes {baseline:.1f} s\n")
        breaker = Breaker(stage, storage.proxy, iter(faults))
        seconds = _Producer(stage, folder, "storm", size).produce(breaker)
        breaker.calm()
        _settle_down(stage)
        return _judge(stage, storage.bucket, size, breaker, seconds=seconds, baseline_seconds=baseline)


@dataclass(frozen=True)
class _Storage:
    """The bucket that the stack reaches by way of the proxy."""

    proxy: Proxy
    bucket: S3Store


@contextlib.contextmanager
def _stage(kind: str, environment: Mapping[str, str]) -> Iterator[tuple[Bench, _Storage]]:
    with weed_server() as weed, running_proxy(weed.ports["s3"], seconds=FAILING_SECONDS) as proxy:
        keys = {"CALLSHEET_S3_ACCESS_KEY": weed.access_key, "CALLSHEET_S3_SECRET_KEY": weed.secret_key}
        told = {**SETTINGS, **keys, "CALLSHEET_S3_ENDPOINT": proxy.endpoint, **environment}
        bucket = S3Store(weed.endpoint, BUCKET, weed.access_key, weed.secret_key)
        with bench(kind, **told) as stage, second_worker(stage):
            yield stage, _Storage(proxy, bucket)
        bucket.close()


class _Producer:
    """Whoever wants the production: applies it, decides what waits for a person, resumes it, and applies it again."""

    def __init__(self, stage: Bench, folder: Path, name: str, size: Size) -> None:
        self._stage = stage
        self._name = name
        self._project = write_production(folder / name, name, lines=size.lines, clones=size.clones)
        self._lines = size.lines

    def produce(self, breaker: Breaker) -> float:
        """Go on until every line is spoken, whatever is broken meanwhile, and return the seconds it took."""
        started = asked = time.monotonic()
        run_id: str | None = self._stage.apply(self._project)
        while run_id is not None:
            time.sleep(POLL_SECONDS)
            now = time.monotonic()
            if now - started > LONGEST_SECONDS:
                raise AssertionError(f"{self._name} is not spoken after {now - started:.0f} s: {self._status(run_id)}")
            breaker.pass_time(now - started)
            if now - asked >= ASK_SECONDS:
                asked = now
                run_id = self._go_on(run_id)
        return asked - started

    def _go_on(self, run_id: str) -> str | None:
        """Return the run to wait for, or None where every line is spoken."""
        status = self._status(run_id)
        if status.get("state", "running") == "running":
            if (status.get("paused") or {}).get("code") == SystemicFailure.code:
                self._resume(run_id)
            return run_id
        return None if self._is_spoken() else self._apply_again() or run_id

    def _is_spoken(self) -> bool:
        try:
            page = self._stage.client.get("/productions")["data"]
        except (CallsheetError, KeyError):
            return False  # the database is away
        return any(row["name"] == self._name and row["spoken"] == self._lines for row in page)

    def _status(self, run_id: str) -> dict[str, Any]:
        try:
            return self._stage.status(run_id)
        except CallsheetError:
            return {}

    def _resume(self, run_id: str) -> None:
        try:
            decide(self._stage)
            self._stage.client.post(f"/runs/{run_id}/resume", {})
        except (CallsheetError, SQLAlchemyError) as error:
            sys.stdout.write(f"          not resumed: {str(error)[:100]}\n")

    def _apply_again(self) -> str | None:
        try:
            decide(self._stage)
            return self._stage.apply(self._project)
        except (CallsheetError, SQLAlchemyError) as error:
            sys.stdout.write(f"          not applied: {str(error)[:100]}\n")
            return None  # what is away comes back


def decide(stage: Bench) -> None:
    """Decide what waits for a person, who looks into the provider's console."""
    charged = accounts.charged_labels(stage.stack.sandbox("ledger"))
    waiting = stage.client.get("/reconcile")
    for row in waiting["operator"]:
        action = "write_off" if row["sent_as"] in charged else "allow"
        stage.decide(row["id"], action, f"The console shows {'this' if action == 'write_off' else 'no such'} charge.")
    for row in waiting["orphans"]:
        stage.decide(row["id"], "discard", "Another one serves.")


def _settle_down(stage: Bench) -> None:
    """Wait until nothing is under way any more: late answers, auditions, what is on disk."""

    def settled() -> bool:
        decide(stage)
        with stage.database.read() as session:
            return not accounts.unresolved(session) and not stage.kept()

    with contextlib.suppress(AssertionError):  # what does not settle is counted below
        until(settled, "all is settled", seconds=SETTLING_SECONDS, every=1.0)


def _judge(
    stage: Bench, bucket: ObjectStore, size: Size, breaker: Breaker, *, seconds: float, baseline_seconds: float
) -> Result:
    theirs = stage.stack.sandbox("ledger")
    audited = stage.client.get("/audit")
    with stage.database.read() as session:
        money = accounts.compare_money(session, theirs)
        return Result(
            size=size,
            faults=breaker.done.total(),
            kills=breaker.kills,
            lost_answers=breaker.lost_answers,
            lost=accounts.lost_lines(session, bucket),
            double_settled=accounts.double_settled(session),
            duplicate_charges=accounts.duplicate_clones(session, theirs),
            duplicate_speech=accounts.duplicate_speech(session, theirs),
            unresolved=accounts.unresolved(session),
            written_off=accounts.written_off(session),
            too_much_micros=money.too_much,
            seconds=seconds,
            baseline_seconds=baseline_seconds,
            books_agree=money.agree,
            audit=[f"{row['row']}: {row['told']}" for finding in audited["findings"] for row in finding["broken"]],
        )


def load() -> float:
    """Return how many processes have wanted to run on average in the last five minutes."""
    return os.getloadavg()[1]
