"""How a run stands, told to whoever watches it: server-sent events, read once however many watch."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import anyio
from anyio import CapacityLimiter, Lock, to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED, never_streamed, refusals
from pipeline.api.paging import Text
from pipeline.edge import Edge
from pipeline.errors import NotFound

router = APIRouter(tags=["runs"])

LOOK_SECONDS = 0.5
QUIET_SECONDS = 5.0
"""After so long without a change it is told anew: whoever listens knows that somebody still speaks."""
READERS = 4
"""Threads that read for all who watch; the others are for requests."""
PASSING = frozenset({"elapsed_seconds", "takes_per_second", "eta_seconds"})
"""What changes by itself, and is no news."""
Status = dict[str, Any]


@dataclass
class Reading:
    """What was last read of one run, by whichever of its watchers came first."""

    lock: Lock = field(default_factory=Lock)
    watchers: int = 0
    read_at: float = float("-inf")
    status: Status = field(default_factory=dict)


class Lookout:
    """Reads how runs stand, each at most once in `LOOK_SECONDS`, in a few threads of its own."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}
        self._readers: CapacityLimiter | None = None

    @property
    def watched(self) -> int:
        """Return how many watch a run."""
        return sum(reading.watchers for reading in self._readings.values())

    async def statuses(self, run_id: str, read: Callable[[], Status]) -> AsyncIterator[Status]:
        """Yield how a run stands, again and again, to its end."""
        reading = self._readings.setdefault(run_id, Reading())
        reading.watchers += 1
        try:
            while True:
                try:
                    status = await self._status(reading, read)
                except SQLAlchemyError:
                    return  # whoever watches comes again
                yield status
                if not views.is_running(status):
                    return
                await anyio.sleep(LOOK_SECONDS)
        finally:
            reading.watchers -= 1
            if not reading.watchers:
                self._readings.pop(run_id, None)

    async def _status(self, reading: Reading, read: Callable[[], Status]) -> Status:
        self._readers = self._readers or CapacityLimiter(READERS)
        async with reading.lock:
            if anyio.current_time() - reading.read_at >= LOOK_SECONDS / 2:
                reading.status = await to_thread.run_sync(read, limiter=self._readers)
                reading.read_at = anyio.current_time()
            return reading.status


def _watched_run(run_id: Text, edge: TheEdge, account_id: AccountId) -> str:
    with edge.read() as session:
        return views.find_run(session, account_id, run_id).id


@router.get(
    "/runs/{run_id}/events",
    summary="How a run stands, as server-sent events to its end",
    response_class=EventSourceResponse,
    responses=never_streamed(SCOPED | refusals(NotFound)),
)
async def events(
    watched: Annotated[str, Depends(_watched_run)],
    request: Request,
    edge: TheEdge,
    account_id: AccountId,
    last_event_id: Annotated[str | None, Header(description="Id of the last event that was heard.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Tell `status`, the body of `GET /v1/runs/{id}`, when it changes and every few seconds; `end` is the last one.

    Whoever comes back is told how the run stands now, unless that is what was heard last.
    """
    told, told_at = last_event_id, anyio.current_time()
    async for status in request.app.state.lookout.statuses(watched, lambda: _read(edge, account_id, watched)):
        name, is_over = digest(status), not views.is_running(status)
        if is_over or name != told or anyio.current_time() - told_at >= QUIET_SECONDS:
            yield ServerSentEvent(data=status, event="end" if is_over else "status", id=name)
            told, told_at = name, anyio.current_time()


def digest(status: Status) -> str:
    """Return an id that two statuses share where nothing has happened between them."""
    news = {name: value for name, value in status.items() if name not in PASSING}
    return hashlib.sha256(json.dumps(news, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read(edge: Edge, account_id: str, run_id: str) -> Status:
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))
