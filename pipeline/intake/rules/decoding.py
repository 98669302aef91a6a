"""Bytes to text, without ever guessing silently wrong where it can be helped."""

import codecs
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding it was read with."""

    text: str
    encoding: str


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


def decode(data: bytes, *, language: str, declared: str | None = None) -> Decoded:
    """Decode a sheet: as declared, by its mark, as UTF-8, by the code page of its language, by its statistics.

    The language goes before statistics because the Windows code pages of Europe look alike: "à" of one is "ŕ" of
    another, and only the spoken line would tell. Raises `Refusal` where nothing fits.
    """
    known = declared or _marked(data)
    if known is None and _is_utf8(data):
        known = "utf-8"
    if known is not None:
        return Decoded(_as(known, data), known)
    _refuse_damaged_utf8(data)
    primary = language.partition("-")[0]
    guess = from_bytes(data, cp_isolation=[_PAGE_OF.get(primary, "cp1252")]).best() or from_bytes(data).best()
    if guess is None:
        raise Refusal("the encoding of the file cannot be told", hint=_HINT)
    return Decoded(str(guess), guess.encoding)


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Plain English in UTF-16 without its mark is valid UTF-8 too, with a NUL after every letter.
    return data.count(0) * 4 < len(data) or not data


def _as(encoding: str, data: bytes) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError as wrong:  # a few codecs raise the bare one, which has no place
        start = wrong.start if isinstance(wrong, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, start) + 1
        raise Refusal(f"the file is not {encoding} in line {line}", hint=_HINT) from wrong


def _refuse_damaged_utf8(data: bytes) -> None:
    """Text that is mostly good UTF-8 was pasted together from two encodings; any other reading would garble it."""
    text = data.decode("utf-8", errors="replace")
    lost = text.count("\ufffd")
    good = sum(1 for c in text if not c.isascii()) - lost
    if lost and good >= lost:
        line = text.count("\n", 0, text.index("\ufffd")) + 1
        raise Refusal(f"the file is UTF-8 except in line {line}", hint=_HINT)
