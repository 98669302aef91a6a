"""Projects and sheets made wrong at random, each from one number: the same number gives the same files."""

import base64
import random
from collections.abc import Callable

PROJECT, SHEET, SECOND = "cast.yaml", "lines.csv", "more.csv"

_CAST = """\
production: harbour
title: Harbour
language: en-GB
model: minimax-speech-hd
format: mp3
speed: 1.0
budget: $25
talents:
  mara:
    name: Mara Quist
    reference: references/mara.mp3
    consent: &consent
      granted_by: Mara Quist
      granted_on: 2026-01-31
      statement: May be cloned for this production.
      evidence: consents/mara.pdf
      scope: {productions: [harbour], languages: en, characters: [MARA]}
      expires_on: 2030-12-31
  bram: {reference: references/bram.wav, consent: *consent}
characters:
  MARA: {voice: {talent: mara}, speed: 0.9, notes: "Hoarse: she shouts."}
  BRAM: {voice: {talent: bram}, model: eleven-v3}
  HERALD: {voice: {system: English_Announcer}}
  GHOST: {voice: {design: An old man far away., gender: male, age_group: elderly}}
lines:
  - lines.csv
  - {file: more.csv, columns: {text: Zeile}}
"""
_SHEET = """\
id,character,text,direction,speed,scene
m_001,MARA,"Hold the line, will you?",whispers,1.1,pier
m_002,BRAM,\"\"\"Never,\"\" he said.\",,,pier
m_003,HERALD,Hear ye!,,,square
g_001,GHOST,- Who is there?,slowly,"0,9",cellar
"""
_SECOND = "id;character;Zeile\nx_1;MARA;Grüße\nx_2;BRAM;Où es-tu?\n"

NASTY = (
    *(
        "",
        " ",
        "\0",
        "\ufeff",
        "\ufffd",
        "\u202e",
        "\u200d",
        "\x1b[2J",
        "\ud800",
        "\U000e0001",
        "\x85",
        "\u2028",
        "ß",
        "İ",
        "ı",
        "ﬁ",
    ),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "con",
        "NUL.txt",
        "COM¹",
        "a/b",
        "a\\b",
        "file:///etc/passwd",
        "~root",
        "-rf",
    ),
    *(
        "=1+1",
        "+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-2",
        "\tx",
        "'=x",
        "{{7*7}}",
        "<script>",
        "${HOME}",
        "%s%n",
        "m_001",
        "M_001",
    ),
    *(
        "x" * 201,
        "é" * 121,
        "x" * 5000,
        "1e999",
        "-0",
        "NaN",
        "9" * 400,
        "0x10",
        "٣",
        "𝟙",
        "null",
        "~",
        "yes",
        "2026-02-30",
        "[]",
    ),
    *(
        "*consent",
        "&consent x",
        "!!python/object/apply:os.system [ls]",
        "!!binary aGk=",
        "<<: *consent",
        "? x",
        "|2",
        ">-",
        "%",
        "@a",
        "`a",
    ),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1", "cp932", "utf-7", "cp037")
_DECLARED = (
    *_ENCODINGS,
    "idna",
    "punycode",
    "unicode_escape",
    "undefined",
    "rot13",
    "zlib",
    "hex",
    "mbcs",
    "x",
    "UTF-8",
)


def submission(number: int) -> tuple[str, dict[str, bytes]]:
    """The files of this number, and what was done to them."""
    chance = random.Random(number)
    files = {PROJECT: _CAST, SHEET: _SHEET, SECOND: _SECOND}
    made = []
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        change = chance.choice(_CHANGES)
        name = chance.choice(_NAMES)
        files[name] = change(chance, name, files[name])
        made.append(f"{change.__name__.strip('_')} in {name}")
    encoded = {name: _encode(chance, text) for name, text in files.items()}
    if chance.random() < 0.15:
        name = chance.choice(_NAMES)
        encoded[name] = spoil(chance, encoded[name])
        made.append(f"bytes of {name}")
    return ", ".join(made), encoded


_NAMES = (PROJECT, PROJECT, SHEET, SHEET, SHEET, SECOND)


def as_job(files: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in files.items()}


def _encode(chance: random.Random, text: str) -> bytes:
    encoding = chance.choice(_ENCODINGS) if chance.random() < 0.15 else "utf-8"
    return text.encode(
        encoding, errors="surrogatepass" if encoding.startswith("utf") and encoding != "utf-7" else "replace"
    )


def spoil(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"x")
    for _ in range(chance.choice((1, 3, 40))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed[: chance.choice((len(changed), chance.randrange(len(changed)) + 1))])


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _nasty_line(chance: random.Random, name: str, text: str) -> str:
    lines = _lines(text)
    indent = " " * chance.choice((0, 2, 4, 6))
    new = f"{indent}{chance.choice(NASTY)}: {chance.choice(NASTY)}" if name == PROJECT else _row(chance)
    lines.insert(chance.randrange(len(lines) + 1), new)
    return "\n".join(lines)


def _row(chance: random.Random) -> str:
    return chance.choice(",;\t").join(
        chance.choice((*NASTY, "MARA", "Hello.")) for _ in range(chance.choice((1, 3, 6, 40)))
    )


def _nasty_value(chance: random.Random, name: str, text: str) -> str:
    """Something nasty in place of what stands behind a colon, or of a cell."""
    mark = ": " if name == PROJECT else chance.choice((",", ";"))
    parts = text.split(mark)
    at = chance.randrange(len(parts))
    head, newline, tail = parts[at].partition("\n")
    quote = chance.choice(("", "", '"'))
    parts[at] = f"{quote}{chance.choice(NASTY)}{quote}{newline}{tail}" if at else head + newline + tail
    return mark.join(parts)


def _escape(chance: random.Random, _name: str, text: str) -> str:
    escapes = ("\\U00110000", "\\UFFFFFFFF", "\\ud800", "\\x", "\\0", "\\e", "\\u", "\\N", "\\_", '\\"')
    at, quote = chance.randrange(len(text) + 1), chance.choice(("", '"'))
    return text[:at] + quote + chance.choice(escapes) + quote + text[at:]


def _directive(chance: random.Random, _name: str, text: str) -> str:
    heads = (
        "%YAML 1.1\n---\n",
        "%YAML 9.9\n---\n",
        f"%YAML 1.{'9' * 30}\n---\n",
        "%TAG ! x:\n---\n",
        "%X\n",
        "sep=;\n",
    )
    return chance.choice((*heads, 'sep="\n', "sep=a\n", "sep=\r\n", "---\n...\n---\n", "\ufeff", "#\n" * 50)) + text


def _repeat(chance: random.Random, _name: str, text: str) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    return "\n".join([*lines[:at], *lines[at : at + chance.choice((1, 3))] * chance.choice((2, 3, 40)), *lines[at:]])


def _drop(chance: random.Random, _name: str, text: str) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    return "\n".join(lines[:at] + lines[at + chance.choice((1, 4)) :])


def _cut(chance: random.Random, _name: str, text: str) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _mark(chance: random.Random, _name: str, text: str) -> str:
    """One character where none belongs."""
    at = chance.randrange(len(text) + 1)
    return (
        text[:at] + chance.choice("\"'{}[],:;&*!|>%@`#-?\t\r\n\0\\ \ufeff") * chance.choice((1, 1, 2, 300)) + text[at:]
    )


def _deep(chance: random.Random, _name: str, text: str) -> str:
    opening = chance.choice(("[", "{a: ", "- ", "? ", "{? ", "!!map {a: "))
    at = chance.choice((0, len(text), chance.randrange(len(text) + 1)))
    return text[:at] + opening * chance.choice((5, 20, 60, 60, 200, 400, 400, 3000)) + text[at:]


def _aliases(chance: random.Random, name: str, text: str) -> str:
    """A billion laughs, a key that holds another that holds another, an alias of itself."""
    if name != PROJECT:
        return text
    laughs = "a0: &l0 [x,x]\n" + "".join(f"a{n}: &l{n} [*l{n - 1},*l{n - 1}]\n" for n in range(1, 40)) + "title: *l39\n"
    keys = (
        "".join(f"? &k{n} [{f'*k{n - 1}' if n else 'x'}]\n: 1\n" for n in range(chance.choice((20, 500))))
        + "title: *k19\n"
    )
    bombs = (
        laughs,
        keys,
        "scope: &s {characters: *s}\n",
        "? &x [*x]\n: 1\n",
        "lines: &n [*n, *n]\n",
        "characters: &c {A: *c}\n",
    )
    return text + chance.choice(bombs)


def _many(chance: random.Random, name: str, text: str) -> str:
    if name == PROJECT:
        return text + "".join(f"k{n}: x\n" for n in range(chance.choice((3, 30, 200))))
    wide = ",".join(f"c{n}" for n in range(chance.choice((30, 600))))
    return chance.choice((f"{wide},{text}", text + f"a{chance.random()},MARA,hi\n" * 300, text + "\n" * 3000))


def _encoding(chance: random.Random, name: str, text: str) -> str:
    return (
        text.replace("- lines.csv", f"- {{file: lines.csv, encoding: {chance.choice(_DECLARED)}}}")
        if name == PROJECT
        else text
    )


def _giant(chance: random.Random, _name: str, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice(("x", "é", "\n", " ", '"', "a b ")) * chance.choice((200, 1000, 5000, 40_000))
        + text[at:]
    )


_CHANGES: tuple[Callable[[random.Random, str, str], str], ...] = (
    *(_nasty_line, _nasty_line, _nasty_value, _nasty_value, _nasty_value, _escape, _directive, _repeat, _drop, _cut),
    *(_mark, _mark, _deep, _aliases, _many, _encoding, _giant),
)
