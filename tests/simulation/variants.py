"""What providers let us find out about a call whose answer nobody read, and the controls: protections taken out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from unittest.mock import patch

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.provider import evidence
from pipeline.provider.port import Balances, Capabilities, ChargeMoment, Truth
from pipeline.voices import service as voices
from tests.simulation.upstream import CHARGE_MS, LIST_CACHE_MS, LONGEST_LATENESS_MS
from tests.simulation.weather import LARGEST_JUMP_MS, LONGEST_PAUSE_MS
from tests.support.fakes import CAPABILITIES

QUIESCENCE_SECONDS = 900.0
LATENESS_SECONDS = (LONGEST_LATENESS_MS + CHARGE_MS + LARGEST_JUMP_MS) / 1000
"""The wait is measured by a clock that may be set forward meanwhile."""

NOTHING = replace(
    CAPABILITIES,
    activation_deadline_seconds=None,
    lists_own_voices=False,
    client_chosen_id=False,
    reports_balance=False,
    one_at_a_time=False,
    lateness_seconds=LATENESS_SECONDS,
)
LISTING = replace(NOTHING, lists_own_voices=True, lateness_seconds=LATENESS_SECONDS + LIST_CACHE_MS / 1000)
CHOSEN = replace(NOTHING, client_chosen_id=True, charge_moment=ChargeMoment.FIRST_USE)
BALANCE = replace(NOTHING, reports_balance=True, one_at_a_time=True)


@dataclass(frozen=True)
class Variant:
    """A provider, and how the protocol is run with it."""

    name: str
    abilities: Capabilities
    voices: int
    """How many are wanted at most."""
    quiescence_seconds: float = QUIESCENCE_SECONDS
    naive: bool = False
    """True where no protocol is run at all."""
    without: Callable[[], AbstractContextManager[object]] = nullcontext
    """Takes a protection out."""


def exact(balances: Balances, price: int) -> Truth:
    """Weigh a balance without regard to what was spent or held between the readings and the books."""
    return Truth.CHARGED if balances.before - balances.now - balances.others_high == price else Truth.NOT_MADE


@contextmanager
def _exact_weighing() -> Iterator[None]:
    with patch.object(evidence, "weigh", exact):
        yield


@contextmanager
def _stale_evidence() -> Iterator[None]:
    """Let evidence count for as new as the verdict, however long ago it was looked at."""
    honest = voices.doubted

    def doubted(session: Session, attempt_id: str) -> voices.Doubted | None:
        found = honest(session, attempt_id)
        return found and replace(found, asked_at=session.scalar(select(now_ms() + LONGEST_PAUSE_MS)) or 0)

    with patch.object(voices, "doubted", doubted):
        yield


PROTOCOL: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("e1", LISTING, voices=1),
        Variant("e2", CHOSEN, voices=1),
        Variant("e3", BALANCE, voices=2),
        Variant("e4", NOTHING, voices=1),
    )
}
CONTROLS: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("naive", NOTHING, voices=1, naive=True),
        Variant("no-quiescence", LISTING, voices=1, quiescence_seconds=0.0),
        Variant("no-exclusion", replace(BALANCE, one_at_a_time=False), voices=2),
        Variant("exact-balance", BALANCE, voices=2, without=_exact_weighing),
        Variant("stale-evidence", BALANCE, voices=2, without=_stale_evidence),
    )
}
VARIANTS: Mapping[str, Variant] = {**PROTOCOL, **CONTROLS}
