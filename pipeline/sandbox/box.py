"""The server's parts, put together once and handed to every route."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.requests import Request

from pipeline.sandbox.book import Book
from pipeline.sandbox.calls import Call
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.config import ApiKey, SandboxConfig
from pipeline.sandbox.faults import FaultBoard
from pipeline.sandbox.host import EngineLoader, VoiceHost
from pipeline.sandbox.limits import Limiter
from pipeline.sandbox.shares import Spoiler
from pipeline.sandbox.shelf import Shelf
from pipeline.sandbox.store import Store
from pipeline.sandbox.tiers import PUBLIC_TIERS

_OFFSET = "clock_offset_s"
CATALOGUE_LIFE_S = 300.0


def key_id(key: str) -> str:
    """Return what the log calls a key: enough to tell keys apart, useless to call with."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(slots=True)
class CatalogueCache:
    """Voice lists as they were when first asked for; the vendor keeps them for five minutes."""

    rows: dict[str, tuple[float, list[dict[str, object]]]] = field(default_factory=dict)

    def get(self, user: str, now: float) -> list[dict[str, object]] | None:
        """Return the list a user was shown, unless it is too old."""
        at, rows = self.rows.get(user, (float("-inf"), []))
        return rows if now - at < CATALOGUE_LIFE_S else None


class Sandbox:
    """Everything a route needs; what must outlive the process is in the book."""

    def __init__(self, config: SandboxConfig, loader: EngineLoader) -> None:
        self.started_with = config
        self.config = config
        self.clock = VirtualClock()
        self.store = Store(config.db)
        self.book = Book(self.store, self.clock)
        self.clock.offset = float(self.book.kept(_OFFSET) or 0)
        self.limiter = Limiter(self.clock.now)
        self.faults = FaultBoard()
        self.spoiler = Spoiler()
        self.voices = VoiceHost(config.engine, loader)
        self.catalogue = CatalogueCache()
        self.shelf = Shelf(self.clock.now_ms)
        self.keys_in_use: set[tuple[str, str]] = set()
        self._keys = {key_id(entry.key): entry for entry in config.keys}
        self._log_lines: set[asyncio.Future[None]] = set()
        self.open_accounts()

    def open_accounts(self) -> None:
        """Grant each configured user the first balance named for it."""
        for entry in self.config.keys:
            self.book.open_account(entry.user, entry.balance)

    def who(self, authorization: str) -> ApiKey | None:
        """Return whose `Authorization` header this is."""
        scheme, _, key = authorization.partition(" ")
        return self._keys.get(key_id(key.strip())) if scheme.lower() == "bearer" else None

    def advance(self, seconds: float) -> None:
        """Move the clock on, also for the processes to come."""
        self.clock.advance(seconds)
        self.book.keep(_OFFSET, repr(self.clock.offset))

    def wipe(self) -> None:
        """Forget all calls, charges, voices and time passed; balances are granted anew."""
        self.store.wipe()
        self.clock.offset = 0.0
        self.open_accounts()

    def note(self, call: Call) -> None:
        """Log a call without making anybody wait; the order of the log lines is kept."""
        line = asyncio.wrap_future(self.store.submit(self.book.log, call.row()))
        self._log_lines.add(line)
        line.add_done_callback(self._log_lines.discard)

    def tiers(self) -> Iterator[dict[str, object]]:
        """Yield the tier rows shown: the public ones, and any other that a key has."""
        from_keys = {entry.tier for entry in self.config.keys}
        for tier in sorted(from_keys | set(PUBLIC_TIERS), key=lambda tier: tier.tier):
            yield tier.row()

    def close(self) -> None:
        """Stop the threads and close the file."""
        self.voices.close()
        self.store.close()


def sandbox_of(request: Request) -> Sandbox:
    """Return the server's parts."""
    box: Sandbox = request.app.state.sandbox
    return box


def call_of(request: Request) -> Call:
    """Return the log line of this request."""
    call: Call = request.scope["state"]["call"]
    return call
