"""Numbers with what they count, as people say them."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 line` or `3 lines`; `many` is given where more than an s makes the plural."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def more(count: int) -> str:
    """Say how many were not named, after those that were."""
    return f" and {count} more" if count > 0 else ""
