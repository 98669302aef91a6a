"""Which slots of a provider this process has, which of them calls are using, and when others may have them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

KEPT_SECONDS = 2.0
"""For how long a slot above this process's share goes from thread to thread before other processes may take it."""
AHEAD_SECONDS = 0.4
"""How long before its slot is free a call may be claimed, as far as that can be told."""
NOVELTY = 0.25
"""How much the last call counts in what calls take."""


@dataclass
class Slots:
    """The slots of one process, as its rows told last. Guarded by the lock of whoever holds it."""

    mine: frozenset[int] = frozenset()
    share: int | None = None
    """How many are this process's share where it is not alone; None where it is."""
    call_seconds: float = 0.0
    """How long a slot serves one call, by the last few."""
    _calling: dict[int, float] = field(default_factory=dict)
    _kept: int = 0
    _was_idle: frozenset[int] = frozenset()
    _above_share_since: float | None = None
    _freeing: frozenset[int] = frozenset()
    _freed: frozenset[int] = frozenset()
    _doubtful: frozenset[int] = frozenset()
    """Given back while the rows were read: what was read may be older than that, or a slot that was taken anew."""

    @property
    def calling(self) -> Mapping[int, float]:
        """The slots that calls are using, and since when."""
        return self._calling

    @property
    def idle(self) -> Sequence[int]:
        """The slots that no call is using."""
        return sorted(self.mine.difference(self._calling))

    @property
    def is_short(self) -> bool:
        """Whether this process has fewer than its share."""
        return self.share is not None and len(self.mine) < self.share

    def ahead(self, slots: int, now: float) -> int:
        """Return how many calls may be claimed before there is a slot: those whose turn comes within moments."""
        if not self.call_seconds or not slots:
            return 0
        usually = min(int(AHEAD_SECONDS * slots / self.call_seconds), max(slots // 2, 1))
        # Calls that began together end together, if they are long enough for that to be told.
        ending = sum(1 for at in self._ends() if abs(at - now) <= AHEAD_SECONDS)
        return max(usually, ending)

    def more_ahead_at(self, now: float) -> float:
        """Return when more calls may be claimed ahead, if the calls under way take as long as others."""
        return min((at - AHEAD_SECONDS for at in self._ends() if at - AHEAD_SECONDS > now), default=float("inf"))

    def _ends(self) -> Sequence[float]:
        if self.call_seconds <= AHEAD_SECONDS:
            return ()
        return [since + self.call_seconds for since in list(self._calling.values())]

    def tell(self, slots: frozenset[int]) -> None:
        """Note which slots the rows say are ours; what was given back while they were read may be old news."""
        self.mine = slots - self._freeing - self._freed
        self._doubtful, self._freed = slots & self._freed, frozenset()

    def use(self, slot: int, now: float) -> None:
        """Let a call use a slot."""
        self._was_idle -= {slot}
        self._calling[slot] = now

    def let_go(self, slot: int) -> None:
        """Note that a slot is not used after all."""
        self._calling.pop(slot, None)

    def end(self, slot: int, now: float) -> None:
        """Note that the call on a slot is over."""
        seconds = now - self._calling.pop(slot)
        known = self.call_seconds or seconds
        self.call_seconds = known + NOVELTY * (seconds - known)

    def divide(self, slots: int, processes: int, *, wanted: bool) -> Collection[int]:
        """Share the slots with other processes, and return those of ours that were idle at the last look too.

        Alone, a process keeps its slots for a moment where nobody waits; beside others it gives back, in time, what it
        has above its share also where somebody does.
        """
        self._kept = slots if processes == 1 else 0
        self.share = -(-slots // processes) if processes > 1 else None
        idle = frozenset() if wanted else frozenset(self.idle)
        give, self._was_idle = (idle & self._was_idle) | self._doubtful, idle
        self._doubtful = frozenset()
        return self.give_back(give)

    def surplus(self, waiting: int, now: float) -> Collection[int]:
        """Give back the slots that nobody waits for and that are not kept, and now and then one above our share."""
        idle = self.idle
        give = idle[max(waiting, self._kept - len(self._calling)) :]
        if idle and not give and self._is_kept_long(now):
            give = idle[-1:]
        return self.give_back(frozenset(give))

    def give_back(self, slots: frozenset[int]) -> Collection[int]:
        """Take slots out that are to be given back, each to be reported as `freed`."""
        self.mine -= slots
        self._freeing |= slots
        return sorted(slots)

    def lost(self, slot: int) -> frozenset[int]:
        """Return the slot where it is not ours any more: its row may say so still, and nobody else gives it back."""
        return frozenset({slot}) - self.mine - self._freeing

    def freed(self, slot: int, *, is_read: bool) -> None:
        """Note that a slot has been given back, or that this failed; `is_read` where the rows are read meanwhile."""
        self._freeing -= {slot}
        if is_read:
            self._freed |= {slot}

    def _is_kept_long(self, now: float) -> bool:
        if self.share is None or len(self.mine) <= self.share:
            self._above_share_since = None
            return False
        if self._above_share_since is None:
            self._above_share_since = now
        if now - self._above_share_since < KEPT_SECONDS:
            return False
        self._above_share_since = now
        return True
