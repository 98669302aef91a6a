"""`python -m tests.simulation`: plays histories and says whether every promise was kept."""

import argparse
import os
import sys
import time
from collections import defaultdict

from tests.simulation.campaign import Tally, play, protocol
from tests.simulation.history import Outcome
from tests.simulation.simulator import simulator
from tests.simulation.variants import CONTROLS, PROTOCOL, VARIANTS

CONTROL_SHARE = 10
"""Every control plays a tenth of the seeds: it has to fail, not to be measured."""
FEWEST_CONTROL_SEEDS = 100
"""The rarest of the failures that a control must show comes once in about a dozen histories."""
SHOWN = 20


def main() -> int:
    """Play what was asked for; 1 where a promise was broken, or a control has shown nothing."""
    asked = _arguments()
    if asked.seed is not None:
        return _replay(asked.variant or "e3", asked.seed)
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.variant:
        histories = [(asked.variant, seed) for seed in seeds]
    else:
        fewer = range(asked.first, asked.first + max(asked.seeds // CONTROL_SHARE, FEWEST_CONTROL_SEEDS))
        histories = [*protocol(seeds), *((name, seed) for name in CONTROLS for seed in fewer)]
    return _report(histories, asked.jobs)


def _report(histories: list[tuple[str, int]], jobs: int) -> int:
    began = time.monotonic()
    tallies: dict[str, Tally] = defaultdict(Tally)
    promised = Tally()
    for outcome in play(histories, jobs=jobs):
        tallies[outcome.variant].add(outcome)
        if outcome.variant in PROTOCOL:
            promised.add(outcome)
    toothless = [name for name, tally in tallies.items() if name in CONTROLS and not tally.broken]
    for name, tally in tallies.items():
        kind = "protocol" if name in PROTOCOL else "control"
        _say(f"{kind} {name}: {tally.line()} wanted={tally.wanted} broken={len(tally.broken)}")
    for outcome in promised.broken[:SHOWN]:
        _tell(outcome)
    for name in toothless:
        _say(f"The control {name} has broken nothing: what it takes out is not what protects.")
    _say(f"{len(histories)} histories in {time.monotonic() - began:.0f} s")
    _say((promised if promised.seeds else next(iter(tallies.values()))).line())
    return 1 if promised.broken or toothless else 0


def _replay(variant: str, seed: int) -> int:
    with simulator() as playing:
        outcome = playing.play(VARIANTS[variant], seed, traced=True)
        again = playing.play(VARIANTS[variant], seed)
    _say("\n".join(outcome.trace))
    _tell(outcome)
    if again.digest != outcome.digest:
        _say(f"Played again it went otherwise: {outcome.digest}, then {again.digest}.")
    _say(f"history={outcome.digest}")
    tally = Tally()
    tally.add(outcome)
    _say(tally.line())
    return 1 if outcome.broken or again.digest != outcome.digest else 0


def _tell(outcome: Outcome) -> None:
    for promise in outcome.broken:
        _say(f"broken: {promise}")
    if outcome.broken:
        _say(f"  make simulate SEED={outcome.seed} VARIANT={outcome.variant}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many histories of the protocol to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--variant", choices=tuple(VARIANTS), help="of this kind only")
    parser.add_argument("--seed", type=int, help="play one history again, and tell all that happens")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes play")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
