"""Which answers are spoilt, by seed.

A provider's answer may be well-formed and wrong. Which lines meet that depends on the seed, the text, the voice and how
often this line was asked for, never on the order of calls: a seed spoils the same lines with any number of workers.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from pipeline.sandbox.faults import Drawn, Fault, Point

KINDS: Final = {
    "empty": (Point.EMPTY_AUDIO, Point.SILENT_AUDIO),
    "cut": (Point.CUT_AUDIO,),
    "wrong_line": (Point.WRONG_LINE,),
    "wrong_voice": (Point.WRONG_VOICE,),
    "clipped": (Point.CLIPPED_AUDIO,),
    "long": (Point.LONG_AUDIO,),
}
"""What can be wrong with a take, and the fault points that make it so."""
SHARES_FORM: Final = f"KIND=SHARE[,...], KIND one of {', '.join(KINDS)}, or all=SHARE in equal parts"


@lru_cache(maxsize=64)
def parse_shares(text: str) -> tuple[tuple[str, float], ...]:
    """Read `cut=0.02,long=0.01`, or `all=0.06`; ValueError says what is wrong."""
    shares: dict[str, float] = {}
    for word in filter(None, text.replace(" ", "").split(",")):
        kind, _, share = word.partition("=")
        if kind != "all" and kind not in KINDS:
            raise ValueError(f"unknown kind of bad audio {kind!r}: write {SHARES_FORM}")
        kinds = tuple(KINDS) if kind == "all" else (kind,)
        shares |= dict.fromkeys(kinds, _share(word, share) / len(kinds))
    if sum(shares.values()) > 1:
        raise ValueError(f"the shares of bad audio sum to {sum(shares.values()):g}; 1 is all there is")
    return tuple(shares.items())


def _share(word: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{word!r} names no share from 0 to 1: write {SHARES_FORM}")
    return share


@dataclass(slots=True)
class Spoiler:
    """Decides which answers are spoilt. Touched from the event loop only."""

    asked: Counter[bytes] = field(default_factory=Counter)

    def draw(self, shares: str, seed: int, text: str, voice_id: str) -> Drawn:
        """Return the fault that this request for a line meets, none or one."""
        if not shares:
            return Drawn()
        line = digest_of(text, voice_id)
        self.asked[line] += 1
        fate = digest_of(seed, line.hex(), self.asked[line])
        at = _unit(fate)
        for kind, share in parse_shares(shares):
            if at < share:
                points = KINDS[kind]
                return Drawn((Fault(points[fate[-1] % len(points)]),))
            at -= share
        return Drawn()


def digest_of(*parts: object) -> bytes:
    """Return bytes that depend on all parts: what is drawn from them can be drawn again."""
    return hashlib.sha256(repr(parts).encode()).digest()


def _unit(digest: bytes) -> float:
    return int.from_bytes(digest[:7], "big") / (1 << 56)
