"""Plays histories: the product's own services and tasks, and around them a world that a seed decides."""

import gc
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import structlog
from sqlalchemy.orm import Session

from pipeline.db import ids, leases, limits
from pipeline.db.clock import now_ms
from pipeline.ledger.models import Account
from pipeline.ledger.prices import store_prices
from pipeline.voices import service as voices
from pipeline.voices.rules import VoiceKind, cloned_key, designed_key
from tests.simulation.database import SimulatedDatabase
from tests.simulation.history import History, Outcome, Template
from tests.simulation.plant import FIRST_PID, MACHINES
from tests.simulation.stand_ins import stand_ins
from tests.simulation.variants import Variant
from tests.simulation.weather import CALM, draw
from tests.simulation.world import World
from tests.support import factories
from tests.support.fakes import CAPABILITIES, PRICES, PROVIDER
from workers.app import app

NAMES = ("mara", "piet")
DESCRIPTION = "A dry old voice, amused by everything."
COLLECT_EVERY = 25
"""Histories between two garbage collections: looking for cycles all the time costs a fifth of it."""


class Simulator:
    """Plays one history after the other in one process; made by `simulator()`."""

    def __init__(self, database: SimulatedDatabase) -> None:
        self.world = World("template", lambda _: CALM)
        self._database = database
        self._played = 0

    def lay_template(self) -> None:
        """Make what every history begins with."""
        self._database.lay_template(self.world, self._fill)

    def play(self, variant: Variant, seed: int, *, traced: bool = False) -> Outcome:
        """Play the history of a seed, and judge it."""
        self._played += 1
        if self._played % COLLECT_EVERY == 0:
            gc.collect()
        self.world = World(f"{variant.name}:{seed}", draw)
        self.world.trace = [] if traced else None
        self._database.begin_history(self.world)
        with variant.without():
            return History(variant, seed, self.world, self._database, self._template).play()

    def _fill(self, session: Session) -> None:
        limits.set_limits(session, PROVIDER, concurrent=4, per_minute=600_000)
        store_prices(session, PROVIDER, PRICES)
        account = factories.account(session, name="studio")
        self._template = Template(
            account_id=account.id,
            run_id=factories.run(session, account).id,
            holders=tuple(_holders(session)),
            wishes=tuple(_wishes(session, account)),
        )


def _holders(session: Session) -> Iterator[str]:
    for pid, host in enumerate(MACHINES, start=FIRST_PID):
        instance = leases.Instance(id=ids.new_id("wrk"), host=host, pid=pid, beat_at=now_ms())
        session.add(instance)
        yield instance.id


def _wishes(session: Session, account: Account) -> Iterator[voices.WantedVoice]:
    for name in NAMES:
        yield voices.WantedVoice(
            key=cloned_key(factories.sha256(name)),
            kind=VoiceKind.CLONED,
            label=name,
            model=CAPABILITIES.clone_model,
            reference_id=factories.reference(session, account, name).id,
        )
    yield voices.WantedVoice(
        key=designed_key(DESCRIPTION, None, None),
        kind=VoiceKind.DESIGNED,
        label="narrator",
        model=CAPABILITIES.design_model,
        description=DESCRIPTION,
    )


@contextmanager
def simulator() -> Iterator[Simulator]:
    """Put virtual time, seeded chance and points to be interrupted at in the place of the real ones."""
    app.loader.import_default_modules()
    with ExitStack() as stack:
        stack.callback(structlog.configure, **structlog.get_config())
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        stack.callback(gc.enable)
        gc.disable()
        stack.callback(gc.unfreeze)
        gc.freeze()  # what is loaded by now stays: without this a collection looks at all of it, for a second
        database = SimulatedDatabase()
        stack.callback(database.close)
        playing = Simulator(database)
        for target, name, stand_in in stand_ins(lambda: playing.world):
            stack.enter_context(patch.object(target, name, stand_in))
        playing.lay_template()
        yield playing
