"""What has to be true of every history: while it runs, and when it is over."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.audit import audit
from pipeline.audit.outside import provider_agrees
from pipeline.provider.port import Capabilities
from tests.simulation.database import SimulatedDatabase
from tests.simulation.upstream import Book, Watch
from tests.simulation.world import World

FINAL = ("succeeded", "rejected", "released", "written_off")
UNDONE = ("rejected", "released")


class Guard(Watch):
    """Judges each request as it arrives at the provider, by what the database has committed then."""

    def __init__(self, world: World, database: SimulatedDatabase, abilities: Capabilities) -> None:
        self._world = world
        self._database = database
        self._alone = abilities.reports_balance
        # Where an id is chosen, a sleeper may find that its voice was asked for again: no second one comes of it.
        self._sendable = ("sending", "ambiguous", *(("succeeded",) if abilities.client_chosen_id else ()))
        self._one_voice_each = not abilities.client_chosen_id
        self._accepted: set[str] = set()

    def arriving(self, label: str, others: Sequence[str]) -> None:
        rows = self._database.ask("SELECT state, coalesce(lease_until, 0) FROM attempts WHERE label = ?", [label])
        state, lease_until = rows[0] if rows else ("absent", 0)
        if state not in self._sendable:
            self._world.violate(f"I6: a request is sent for an attempt that is {state}")
        elif not self._was_held_up() and (state != "sending" or lease_until < self._world.clock.database_ms):
            self._world.violate(f"I6: a request is sent for an attempt that is {state}, and nobody slept")
        if self._alone and others:
            self._world.violate("two clones are under way where the balance is the evidence")

    def accepted(self, label: str) -> None:
        if self._one_voice_each and label in self._accepted:
            self._world.violate("an attempt is sent a second time after it was accepted")
        self._accepted.add(label)

    def _was_held_up(self) -> bool:
        actor = self._world.scheduler.current
        return actor.slept or self._world.jumped_at >= actor.started_at


class Nobody(Watch):
    """Watches nothing: for the control that commits nothing before it sends."""


@dataclass(frozen=True)
class Attempt:
    """An attempt at the end of a history."""

    id: str
    label: str
    voice_id: str
    state: str
    verdict: str | None


class Verdict:
    """The end of a history that ran by the protocol."""

    def __init__(self, database: SimulatedDatabase, book: Book) -> None:
        self._database = database
        self._book = book
        rows = database.ask("SELECT id, label, voice_id, state, verdict FROM attempts ORDER BY id")
        self._attempts = [Attempt(*row) for row in rows]

    @property
    def owned(self) -> int:
        """How many voices are ours."""
        return len(self._ready)

    @property
    def operator(self) -> int:
        """How many voices a person had to decide about."""
        return len({attempt.voice_id for attempt in self._attempts if attempt.verdict})

    @cached_property
    def duplicates(self) -> int:
        """How many charges a voice had beyond its first, but for those that replace what a person has written off."""
        voice_of = {attempt.label: attempt.voice_id for attempt in self._attempts}
        charges = Counter(voice_of.get(made.label, made.label) for made in self._book.charges())
        allowed = Counter(attempt.voice_id for attempt in self._attempts if attempt.state == "written_off")
        return sum(max(0, count - 1 - allowed[voice]) for voice, count in charges.items())

    def broken(self) -> Iterator[str]:
        """Yield the promises that were not kept."""
        if self.duplicates:
            yield f"{self.duplicates} charges beyond one a voice"
        yield from self._unfinished()
        yield from self._disagreements()
        yield from self._foreign_voices()
        yield from self._sums()

    def audited(self) -> Iterator[str]:
        """Yield what `callsheet audit` finds in the rows."""
        with self._database.look() as session:
            # The balance is compared with the provider's own book here, and its top-ups are nobody's secret.
            report = audit(session, leave_out=(provider_agrees,))
        for found in report.findings:
            yield from (f"{found.invariant}: {broken.row}: {broken.told}" for broken in found.broken)

    def _unfinished(self) -> Iterator[str]:
        for attempt in self._attempts:
            if attempt.state not in FINAL:
                yield f"I9: {attempt.id} still is {attempt.state}"

    def _disagreements(self) -> Iterator[str]:
        ours = dict(self._ask("SELECT attempt, sum(amount) FROM transfers WHERE kind <> 'speech' GROUP BY attempt"))
        theirs: Counter[str] = Counter()
        for made in self._book.charges():
            theirs[made.label] += made.price
        for attempt in self._attempts:
            booked, charged = ours.get(attempt.id, 0), theirs[attempt.label]
            if attempt.state in UNDONE and charged:
                yield f"{attempt.id} is {attempt.state}, and the voice was made"
            if booked != charged:
                yield f"I8: {attempt.id} ({attempt.state}) cost {charged}, and {booked} is booked"
        spoken = self._ask("SELECT coalesce(sum(amount), 0) FROM transfers WHERE kind = 'speech'")[0][0]
        if spoken < self._book.spoken:
            yield f"I8: speech cost {self._book.spoken}, and {spoken} is booked"

    def _foreign_voices(self) -> Iterator[str]:
        for voice_id, named in self._ready.items():
            made = self._book.named(named)
            if made is None or not any(a.label == made.label and a.voice_id == voice_id for a in self._attempts):
                yield f"I2: {voice_id} is ready under {named}, which was not made for it"

    def _sums(self) -> Iterator[str]:
        for owner, held, spent in self._ask("SELECT owner, held, spent + overrun FROM budgets"):
            mine = f"'{owner}' IN (account_id, run_id, production_id, 'provider:' || provider)"
            open_holds = f"SELECT coalesce(sum(amount), 0) FROM holds WHERE state = 'open' AND {mine}"
            paid = f"SELECT coalesce(sum(amount), 0) FROM transfers WHERE {mine.replace('provider)', 'credit)')}"
            if (held, spent) != (self._ask(open_holds)[0][0], self._ask(paid)[0][0]):
                yield f"I7: {owner} says {held} held and {spent} spent"
        open_attempts = self._ask("SELECT attempt FROM holds WHERE state = 'open'")
        yield from (f"I7: money is still held for {attempt}" for (attempt,) in open_attempts)

    @cached_property
    def _ready(self) -> dict[str, str]:
        return dict(self._ask("SELECT id, provider_voice_id FROM voices WHERE state = 'ready'"))

    def _ask(self, query: str) -> list[Any]:
        return self._database.ask(query)
