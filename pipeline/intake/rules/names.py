"""Names that become file names, folders or keys.

Each function returns the name as it is kept, or raises `Refusal`.
"""

import posixpath
import re
import unicodedata

from pipeline.intake.rules.problems import Refusal

NAME_CHARS, NAME_BYTES = 200, 240
"""File systems end a name at 255 bytes; the rest is for the extension and a take's number."""

_LIMITS = f"1 to {NAME_CHARS} characters ({NAME_BYTES} bytes in UTF-8), no leading dot, no name reserved by Windows"
_ID_ALLOWED = f"letters, digits, '_', '-' and '.'; {_LIMITS}"
_KEY_ALLOWED = f"letters, digits, '_', '-', '.', apostrophes and single spaces; {_LIMITS}"
_SLUG_ALLOWED = "1 to 63 lower-case letters, digits, '-' and '_', beginning with a letter or digit"
_PATH_ALLOWED = "a path inside the project's folder, with forward slashes, such as references/mara.mp3"

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_RESERVED = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")])
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def folded(name: str) -> str:
    """Return the same string for two names that a case-insensitive file system takes for one."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name.casefold())


def line_id(text: str) -> str:
    """Accept a line id: it becomes a file's name on every system, unchanged."""
    if _PLAIN_ID.fullmatch(text) and text.partition(".")[0].lower() not in _RESERVED:
        return text
    name = unicodedata.normalize("NFC", text.strip())
    _refuse_unfit(name, also="_-.", allowed=_ID_ALLOWED)
    return name


def key_name(text: str) -> str:
    """Accept the key of a character or a talent: it becomes a folder's name."""
    name = unicodedata.normalize("NFC", text)
    if name != " ".join(name.split()):
        raise Refusal("the name has stray white space", allowed=_KEY_ALLOWED)
    _refuse_unfit(name, also="_-.' ", allowed=_KEY_ALLOWED)
    if name.endswith("."):
        raise Refusal("the name ends with a dot, which Windows drops", allowed=_KEY_ALLOWED)
    return name


def _refuse_unfit(name: str, *, also: str, allowed: str) -> None:
    strange = [c for c in name if c not in also and unicodedata.category(c)[0] not in "LMN"]
    stem = name.partition(".")[0].strip()
    size = len(name.encode(errors="replace"))
    if not name:
        raise Refusal("the name is empty", allowed=allowed)
    if strange:
        raise Refusal(f"the name contains {_spelt(strange[0])}", allowed=allowed)
    if name.startswith("."):
        raise Refusal("the name begins with a dot, which hides the file", allowed=allowed)
    if len(name) > NAME_CHARS or size > NAME_BYTES:
        raise Refusal(f"the name has {len(name)} characters, {size} bytes", allowed=allowed, hint="shorten it")
    if stem.casefold() in _RESERVED:
        raise Refusal(f"Windows reserves the name {stem}", allowed=allowed, hint="put something in front of it")


def _spelt(character: str) -> str:
    if character.isprintable() and character != " ":
        return f"'{character}'"
    return unicodedata.name(character, "").lower() or f"the character U+{ord(character):04X}"


def slug(text: str) -> str:
    """Accept the id of a production: it stands in keys, addresses and folder names."""
    if not _SLUG.fullmatch(text):
        raise Refusal("this is not a production's id", allowed=_SLUG_ALLOWED, hint=_slug_hint(text))
    return text


def slugged(text: str) -> str:
    """Return the nearest production id to a free name, or "" where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:63]


def _slug_hint(text: str) -> str:
    nearest = slugged(text)
    return f"write {nearest}, and the full name under title" if nearest else ""


def project_path(text: str) -> str:
    """Accept the path of a file inside the project's folder; returns it without "./" and doubled slashes."""
    path = posixpath.normpath(text)
    if not text.strip() or not text.isprintable():
        raise Refusal("this is not a path", allowed=_PATH_ALLOWED)
    if path.startswith(("/", "~", "\\")) or _SCHEME.match(text):
        raise Refusal("the path is absolute", allowed=_PATH_ALLOWED, hint="copy the file into the project's folder")
    if "\\" in text:
        raise Refusal("the path has backslashes", allowed=_PATH_ALLOWED, hint=f"write {text.replace(chr(92), '/')}")
    if path == ".." or path.startswith("../"):
        raise Refusal("the path leaves the project's folder", allowed=_PATH_ALLOWED, hint="copy the file into it")
    if path == "." or text.endswith("/"):
        raise Refusal("this is a folder", allowed=_PATH_ALLOWED)
    return path


def path_or_sha256(text: str) -> str:
    """Accept a file of the project, or the SHA-256 (64 hexadecimal digits) of one that is kept elsewhere."""
    return text.lower() if is_sha256(text) else project_path(text)


def is_sha256(text: str) -> bool:
    """Tell a SHA-256 from a path."""
    return _SHA256.fullmatch(text) is not None
