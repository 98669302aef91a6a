"""How a text is counted where Chinese characters count twice."""

import re

_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def with_han_twice(text: str) -> int:
    """Return the characters of a text, Chinese ones twice: so MiniMax bills."""
    return len(text) if text.isascii() else len(text) + len(_HAN.findall(text))
