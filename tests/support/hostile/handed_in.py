"""Projects of every kind of file made wrong at random, each from one number: the same number gives the same files."""

import random

from tests.support.hostile.seeds import PROJECT, SCRIPT, seeds
from tests.support.hostile.structures import (
    TEXT_DAMAGE,
    json_lines_damaged,
    marks_put_in,
    rows_damaged,
    workbook_damaged,
    yaml_damaged,
)
from tests.support.hostile.submissions import spoil

_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp932")
_WHOLE_BYTES = 3_000_000
"""Damage grows on damage; what is larger than any limit is only refused."""


def handed_in(number: int) -> tuple[str, dict[str, bytes]]:
    """The files of this number, and what was done to them."""
    chance = random.Random(number)
    seed = chance.choice(seeds())
    files, made = dict(seed.files), [seed.kind]
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        name = seed.main if chance.random() < 0.85 else chance.choice(list(files))
        done, files[name] = _damaged(chance, name, files[name])
        files[name] = files[name][:_WHOLE_BYTES]
        made.append(f"{done} in {name}")
    return ", ".join(made), files


def _damaged(chance: random.Random, name: str, data: bytes) -> tuple[str, bytes]:
    if chance.random() < 0.1:
        return "bytes", spoil(chance, data)
    if name.endswith(".xlsx"):
        return "parts", workbook_damaged(chance, data)
    text = data.decode(errors="surrogateescape")
    if chance.random() < 0.06:
        return "encoding", text.encode(chance.choice(_ENCODINGS), errors="replace")
    done, changed = _text_damaged(chance, name, text)
    return done, changed.encode(errors="surrogatepass")


def _text_damaged(chance: random.Random, name: str, text: str) -> tuple[str, str]:
    keeps_form = chance.random() < 0.6
    if keeps_form and (name == PROJECT or name.endswith(".yaml")):
        return "tree", yaml_damaged(chance, text)
    if keeps_form and name.endswith(".jsonl"):
        return "object", json_lines_damaged(chance, text)
    if keeps_form and name == SCRIPT:
        _, head, body = (*text.split("---\n", 2), "", "")[:3]
        if chance.random() < 0.4:
            return "front matter", f"---\n{yaml_damaged(chance, head)}\n---\n{body}"
        return "script", f"---\n{head}---\n{chance.choice((rows_damaged, marks_put_in))(chance, body)}"
    change = chance.choice(TEXT_DAMAGE)
    return change.__name__, change(chance, text)
