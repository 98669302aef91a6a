"""Damage that keeps a file's form: trees, rows, the parts of a workbook. What a parser lets through is read on."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML

from tests.support.hostile.submissions import NASTY

NUMBERS = ("-1", "0", "1e400", "-1e400", "nan", ".nan", "inf", "-.inf", "1_000", "0x7f", "9" * 400, "1.0000000001", "٣")
_LETTERS = ("\u202e", "\u200d", "\u2066", "\u0301" * 300, "e\u0301", "हिन्दी", "שלום", "👩\u200d🚀", "\U000e0041", "ﷺ")
_NASTY = (*NASTY, *NUMBERS, *_LETTERS, "\ufdd0a\ufdd1b\ufdd2", "\ufdd3nan\ufdd4", "\r", "\x0b", "\u2029", "x" * 70_000)


def nasty(chance: random.Random) -> str:
    """Something that stands in no file of anybody's."""
    return chance.choice(_NASTY)


def damaged_tree(chance: random.Random, tree: Any) -> Any:
    """Return a tree of a YAML file with one value, key or item put elsewhere, doubled, lost or made nasty."""
    places = list(_places(tree))
    if not places:
        return nasty(chance)
    holder, key = chance.choice(places)
    other, other_key = chance.choice(places)
    match chance.randrange(8):
        case 0:
            del holder[key]
        case 1:
            holder[key], other[other_key] = other[other_key], holder[key]
        case 2:
            holder[key] = nasty(chance)
        case 3:
            holder[key] = chance.choice((None, True, [], {}, [nasty(chance)], {nasty(chance): nasty(chance)}))
        case 4:
            holder[key] = _nested(chance, holder[key])
        case 5 if isinstance(holder, dict):
            holder[nasty(chance)] = holder.pop(key)
        case 5 if isinstance(holder, list):
            holder.extend([holder[key]] * chance.choice((1, 3, 400)))
        case 6 if isinstance(holder[key], str):
            holder[key] = sprinkled(chance, holder[key])
        case _:
            holder[key] = chance.choice(NUMBERS)
    return tree


def _places(tree: Any) -> Any:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _nested(chance: random.Random, value: Any) -> Any:
    for _ in range(chance.choice((1, 5, 30, 100))):
        value = chance.choice(([value], {"a": value}))
    return value


def sprinkled(chance: random.Random, text: str) -> str:
    """Return a text with something nasty in it."""
    at = chance.randrange(len(text) + 1)
    return text[:at] + nasty(chance) + text[at:]


def yaml_damaged(chance: random.Random, text: str) -> str:
    """Return a YAML file whose tree is another; written as JSON, which is YAML, so that any text may stand in it."""
    try:
        tree = YAML(typ="base", pure=True).load(text)
        for _ in range(chance.choice((1, 1, 2, 4))):
            tree = damaged_tree(chance, tree)
        whole = json.dumps(tree, ensure_ascii=chance.random() < 0.7, indent=chance.choice((None, 1)))
    except Exception:  # noqa: BLE001 - a file that earlier damage has left unreadable is left as it is
        return text
    return whole


def json_lines_damaged(chance: random.Random, text: str) -> str:
    """Return JSON Lines, one of whose objects is another."""
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    try:
        tree = damaged_tree(chance, json.loads(lines[at] or "{}"))
    except (ValueError, RecursionError):
        return text
    lines[at] = json.dumps(tree, ensure_ascii=chance.random() < 0.7)
    return "\n".join(lines)


def workbook_damaged(chance: random.Random, data: bytes) -> bytes:
    """Return a workbook with a part lost, doubled, renamed, swollen or changed in its text or tags."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            parts = {name: book.read(name) for name in book.namelist()}
    except Exception:  # noqa: BLE001 - a file that earlier damage has left unreadable is left as it is
        return data
    sheets = [part for part in parts if "sheet" in part.lower()]
    if not parts:
        return data
    name = chance.choice([*parts, *sheets, *sheets])
    doubled = False
    match chance.randrange(7):
        case 0:
            del parts[name]
        case 1:
            parts[chance.choice((nasty(chance)[:1000].replace("\ud800", ""), name.upper(), f"../{name}"))] = parts.pop(
                name
            )
        case 2:
            parts[name] = parts[chance.choice(list(parts))]
        case 3:
            parts[name] = b" " * chance.choice((0, 1, 10_000_000))
        case 4:
            doubled = True
        case _:
            parts[name] = _xml_damaged(chance, parts[name].decode(errors="replace")).encode(errors="surrogatepass")
    return _zipped(chance, parts, name if doubled else None)


def _zipped(chance: random.Random, parts: dict[str, bytes], doubled: str | None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as book:
        for name, content in parts.items():
            book.writestr(zipfile.ZipInfo(name), content)
    if doubled is None:
        return made.getvalue()
    # The library warns of a second entry of one name; the same bytes are made by a name of the same length.
    other = bytes([doubled.encode()[0] ^ 1]) + doubled.encode()[1:]
    with zipfile.ZipFile(made, "a") as book:
        book.writestr(zipfile.ZipInfo(other.decode()), parts[doubled] * 2)
    return made.getvalue().replace(other, doubled.encode())


_TAG = re.compile(r"<[^>]*>")
_ATTRIBUTE = re.compile(r'="([^"]*)"')
_VALUES = (
    "",
    "0",
    "-1",
    "1",
    "99999999999",
    "A0",
    "XFE1",
    "ZZZZZZ9",
    "A1048577",
    "s",
    "e",
    "b",
    "d",
    "n",
    "str",
    "NaN",
)


def _xml_damaged(chance: random.Random, text: str) -> str:
    """Return XML with an element lost, doubled or moved, an attribute changed, or something nasty between tags."""
    found = list(chance.choice((_TAG, _ATTRIBUTE)).finditer(text))
    if not found:
        return sprinkled(chance, text)
    one = chance.choice(found)
    part = one.group()
    if part.startswith("="):
        new = f'="{chance.choice((*_VALUES, nasty(chance)))}"'
    else:
        again = chance.choice((2, 2, 50, 5000))
        new = chance.choice(("", part * again, chance.choice(found).group(), part + nasty(chance)))
    return text[: one.start()] + new + text[one.end() :]


def rows_damaged(chance: random.Random, text: str) -> str:
    """Return a file of lines with one lost, doubled, moved, broken, or with a cell that is another."""
    lines = text.split("\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[at]] * chance.choice((1, 2, 300))
        case 2:
            lines[at], lines[to] = lines[to], lines[at]
        case 3:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        case 4:
            lines[at] += lines[to]
        case 5:
            words = lines[at].split(" ")
            words[chance.randrange(len(words))] = nasty(chance)
            lines[at] = " ".join(words)
        case _:
            cells = [line.split(",") for line in lines]
            from_, into = chance.randrange(len(cells[0])), chance.randrange(len(cells[0]))
            for row in cells:
                if max(from_, into) < len(row):
                    row[from_], row[into] = row[into], row[from_]
            lines = [",".join(row) for row in cells]
    return "\n".join(lines)


_ENDINGS = ("\r\n", "\r", "\n\r", "\n\n", "\x0b", "\x0c", "\x85", "\u2028", "")


def endings_changed(chance: random.Random, text: str) -> str:
    """Return a text with other ends of lines, all or one."""
    return text.replace("\n", chance.choice(_ENDINGS), chance.choice((-1, 1, 3)))


_MARKS = (
    *("[pause]", "[pause 2s]", "[pause -1s]", "[pause nan]", "[pause 1e9s]", "[PAUSE 61]", "[pause 0.0001ms]"),
    *(
        "[x](say:y)",
        "[](say:)",
        "[x](say:)",
        "[a [b](say:c)](say:d)",
        "[x](say:[pause])",
        "*[x](say:y)*",
        "[x](say:\\\\)",
    ),
    *("**", "*", "`", "```", "~~~", "<!--", "-->", "<b", "&#0;", "&#xD800;", "&#xFDD0;", "&amp;", "[^1]", "[^1]: "),
    *("{#", "{#x}", "{#x", "{#X}", "{#../x}", "MARA:", "MARA :", "MARA: (", "((((", "))))", "OLD OSWIN: ()", "NOBODY:"),
    *(
        "# ",
        "###### ",
        "    ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "---",
        "***",
        "===",
        "| a |",
        "[[",
        "]]",
        "[[id: x]]",
        "/*",
        "*/",
    ),
    *("<break/>", '<break time="1e9s"/>', '<break time="-1s"/>', "<voice>", "</voice>", '<voice name="X">', "<speak>"),
    *("<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "<![CDATA[x]]>", '<say-as interpret-as="date">x</say-as>', "<?x?>"),
    *(
        "INT. A - DAY",
        "@mara",
        "^",
        ".SCENE",
        "CUT TO:",
        "> x <",
        "(beat)",
        "~ la",
        "= x",
        "NEEDS UPDATE",
        "{0}",
        "[b/]",
    ),
    *("line:a", "#speaker:MARA", "en,line:x,MARA: y,,,,,", "\\:", "\\[", "\\", "：", "1923-02-30", "$1e9", "12:61"),
)


def marks_put_in(chance: random.Random, text: str) -> str:
    """Return a script with marks where none belong."""
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(_MARKS) * chance.choice((1, 1, 1, 2, 60)) + text[at:]
    return text


TEXT_DAMAGE: tuple[Callable[[random.Random, str], str], ...] = (
    rows_damaged,
    rows_damaged,
    rows_damaged,
    endings_changed,
    sprinkled,
    sprinkled,
    marks_put_in,
    marks_put_in,
)
