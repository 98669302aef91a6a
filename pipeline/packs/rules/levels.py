"""How loud a line is delivered: by its class, so that a whisper does not become as loud as a shout."""

import re
from collections.abc import Mapping
from enum import StrEnum

from pipeline.intake.rules import Refusal

COLUMN = "delivery_class"


class DeliveryClass(StrEnum):
    """How a line is spoken."""

    NORMAL = "normal"
    WHISPER = "whisper"
    SHOUT = "shout"

    @property
    def offset_lu(self) -> float:
        """What is added to the pack's loudness."""
        return {DeliveryClass.NORMAL: 0.0, DeliveryClass.WHISPER: -6.0, DeliveryClass.SHOUT: 3.0}[self]


_WORDS = {
    DeliveryClass.WHISPER: re.compile(r"whisper\w*|hushed|murmur\w*|sotto voce|under (?:his|her|their) breath"),
    DeliveryClass.SHOUT: re.compile(r"shout\w*|yell\w*|scream\w*|bellow\w*|roar\w*"),
}
_NEGATED = re.compile(r"(?:\bnot|n't|\bnever|\bno|\bwithout|\binstead of)\s+(?:\w+\s+)?$")


def delivery_class(extras: Mapping[str, object], direction: str) -> DeliveryClass:
    """Return a line's class: what its column `delivery_class` says, or else a word of its direction.

    A direction that asks for both, or for neither, is normal. Raises `Refusal` for a class there is none of.
    """
    declared = next((str(value) for name, value in extras.items() if _plain(name) == _plain(COLUMN)), "").strip()
    if not declared:
        return _directed(direction.casefold())
    try:
        return DeliveryClass(declared.casefold())
    except ValueError:
        allowed = ", ".join(DeliveryClass)
        raise Refusal(f"there is no delivery class {declared!r:.60}", allowed=allowed) from None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.casefold())


def _directed(direction: str) -> DeliveryClass:
    found = {
        spoken
        for spoken, words in _WORDS.items()
        if any(not _NEGATED.search(direction[: word.start()]) for word in words.finditer(direction))
    }
    return found.pop() if len(found) == 1 else DeliveryClass.NORMAL
