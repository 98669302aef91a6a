"""Bytes to text, without ever guessing silently wrong where it can be helped."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from charset_normalizer import from_bytes

from pipeline.intake.rules.problems import Refusal

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = {
    "cp1250": "bs cs hr hu pl ro sk sl sq",
    "cp1251": "be bg kk mk ru sr uk",
    "cp1253": "el",
    "cp1254": "az tr",
    "cp1255": "he yi",
    "cp1256": "ar fa ur",
    "cp1257": "et lt lv",
    "cp1258": "vi",
    "cp874": "th",
    "cp932": "ja",
    "cp949": "ko",
    "gb18030": "zh",
}
"""What spreadsheets on Windows write for "CSV" when they do not write UTF-8 (Microsoft's ANSI code pages)."""

_PAGE_OF = {language: page for page, languages in _CODE_PAGES.items() for language in languages.split()}
_HINT = "save it as UTF-8 (in Excel: CSV UTF-8), or name its encoding in the project file: {file: ..., encoding: ...}"


PIECE = 1 << 20
SAMPLE = 4 << 20
"""Bytes by which a file's code page is told."""


def decode_strict(data: bytes) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 with their mark: all that a YAML file may be. Raises `Refusal`."""
    encoding = _marked(data) or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise Refusal(
            f"byte 0x{data[wrong.start]:02x} in line {line} is not {encoding.upper()}", hint="save the file as UTF-8"
        ) from wrong


def encoding_of(file: BinaryIO, *, language: str, declared: str | None = None) -> str:
    """Return the encoding of a sheet: the declared one, its mark's, UTF-8, its language's code page, by statistics.

    The language goes before statistics because the Windows code pages of Europe look alike: "à" of one is "ŕ" of
    another, and only the spoken line would tell. The file is read to its end, piece by piece: whatever is returned
    fits all of it. Raises `Refusal` where nothing does.
    """
    head = _head(file, SAMPLE)
    known = declared or _marked(head)
    if known is None and _is_utf8(file):
        return "utf-8"
    if known is None:
        _refuse_damaged_utf8(file)
        primary = language.partition("-")[0]
        guess = from_bytes(head, cp_isolation=[_PAGE_OF.get(primary, "cp1252")]).best() or from_bytes(head).best()
        if guess is None:
            raise Refusal("the encoding of the file cannot be told", hint=_HINT)
        known = guess.encoding
    _require(known, file)
    return known


def _head(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
    yield b""


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _is_utf8(file: BinaryIO) -> bool:
    decoder, size, nuls = codecs.getincrementaldecoder("utf-8")(), 0, 0
    try:
        for piece in _pieces(file):
            decoder.decode(piece, final=not piece)
            size, nuls = size + len(piece), nuls + piece.count(0)
    except UnicodeDecodeError:
        return False
    # Plain English in UTF-16 without its mark is valid UTF-8 too, with a NUL after every letter.
    return nuls * 4 < size or not size


def _require(encoding: str, file: BinaryIO) -> None:
    """Raise `Refusal`, with the line, where the file is not of this encoding."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    for piece in _pieces(file):
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeError as wrong:  # a few codecs raise the bare one, which has no place
            start = wrong.start if isinstance(wrong, UnicodeDecodeError) else 0
            line += piece.count(b"\n", 0, start)
            raise Refusal(f"the file is not {encoding} in line {line}", hint=_HINT) from wrong
        line += piece.count(b"\n")


def _refuse_damaged_utf8(file: BinaryIO) -> None:
    """Text that is mostly good UTF-8 was pasted together from two encodings; any other reading would garble it."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    lost = good = 0
    line, found = 1, 0
    for piece in _pieces(file):
        text = decoder.decode(piece, final=not piece)
        gone = text.count("\ufffd")
        lost, good = lost + gone, good + sum(1 for c in text if not c.isascii()) - gone
        if gone and not found:
            found = line + text.count("\n", 0, text.index("\ufffd"))
        line += text.count("\n")
    if lost and good >= lost:
        raise Refusal(f"the file is UTF-8 except in line {found}", hint=_HINT)
