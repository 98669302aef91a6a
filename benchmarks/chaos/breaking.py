"""How each fault is done to a running stack."""

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.chaos.weather import CHARGED, Fault, Kind
from tests.support.faults.bench import Bench
from tests.support.faults.s3_proxy import Proxy

LOCKED_SECONDS = 2.0
"""How long nobody gets SQLite's write lock; PostgreSQL is away for as long as it takes to recover."""


@dataclass
class Breaker:
    """Does faults, and counts what was done."""

    bench: Bench
    storage: Proxy
    faults: Iterator[Fault]
    done: Counter[Kind] = field(default_factory=Counter)
    lost_answers: int = 0
    """Spoken lines whose answer the provider has kept back after it was paid."""
    _rules: Sequence[dict[str, object]] = ()
    _next: Fault | None = None

    def pass_time(self, seconds: float) -> None:
        """Do what is due so many seconds after the start."""
        self._next = self._next or next(self.faults, None)
        if self._next is not None and seconds >= self._next.at:
            self.strike(self._next)
            self._next = None

    def strike(self, fault: Fault) -> None:
        """Do one fault."""
        self.done[fault.kind] += 1
        match fault.kind:
            case Kind.WORKER_KILLED:
                self._kill_worker(fault.chance)
            case Kind.BROKER_KILLED:
                _kill("valkey", self.bench.stack.home / "run" / "parts.json")
            case Kind.BROKER_EMPTIED:
                self._tell_broker("FLUSHALL")
            case Kind.BROKER_CONNECTIONS_CUT:
                self._tell_broker("CLIENT", "KILL", "TYPE", "normal")
                self._tell_broker("CLIENT", "KILL", "TYPE", "pubsub")
            case Kind.DATABASE_LOST:
                with self.bench.world.lost(self.bench.stack.home):
                    time.sleep(LOCKED_SECONDS if self.bench.database.is_sqlite else 0.0)
            case Kind.STORAGE_FAILS:
                self.storage.fail()
            case Kind.PROVIDER_FAILS:
                self._break_provider(fault)
        sys.stdout.write(f"  {fault.at:5.0f} s  {fault.kind}{_detail(fault)}\n")

    def calm(self) -> None:
        """Let the provider work as it should, and count what its faults have cost."""
        self._count_lost_answers()
        self.bench.stack.sandbox("faults", {"faults": []})
        self._rules = ()

    @property
    def kills(self) -> int:
        """Return how many workers were killed."""
        return self.done[Kind.WORKER_KILLED]

    def _kill_worker(self, chance: float) -> None:
        records = sorted(self.bench.stack.home.glob("**/run/parts.json"))
        _kill("worker", records[int(chance * len(records))])

    def _tell_broker(self, *words: str) -> None:
        path = self.bench.stack.facts()["broker_url"].removeprefix("redis+socket://")
        with contextlib.suppress(redis.ConnectionError), redis.Redis(unix_socket_path=path) as broker:
            broker.execute_command(*words)

    def _break_provider(self, fault: Fault) -> None:
        self._count_lost_answers()
        rule = {"point": fault.point, "route": fault.route, "count": fault.count}
        self.bench.stack.sandbox("faults", {"faults": [rule]})
        self._rules = (rule,)

    def _count_lost_answers(self) -> None:
        if not self._rules:
            return
        for rule in self.bench.stack.sandbox("faults")["faults"]:
            if rule["route"] == "speech" and rule["point"].partition(":")[0] in CHARGED:
                self.lost_answers += rule["fired"]


def _kill(part: str, record: Path) -> None:
    pid = json.loads(record.read_text())[part]["pid"]
    if pid is not None:  # else it is being started at this moment
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _detail(fault: Fault) -> str:
    return f": {fault.point} x {fault.count} on {fault.route}" if fault.kind is Kind.PROVIDER_FAILS else ""
