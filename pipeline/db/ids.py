"""Row ids: a prefix that names the kind, then a time-ordered ULID, so that ids sort as they were made."""

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BITS = 80
LENGTH = 26


def new_id(prefix: str) -> str:
    """Return a new id such as `take_01jd3v8q4k...`."""
    value = (time.time_ns() // 1_000_000) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
    digits = (ALPHABET[value >> 5 * place & 31] for place in reversed(range(LENGTH)))
    return f"{prefix}_{''.join(digits)}"
