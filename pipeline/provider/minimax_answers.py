"""MiniMax's answers, read into our words. Nothing here raises on what a server may send."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.provider.answers import document, error_detail, rows, voice_id
from pipeline.provider.exchange import Answer
from pipeline.provider.port import SystemVoice

LARGEST_FILE_ID = (1 << 63) - 1

_AUDIO_DIGITS = re.compile(r'("(?:trial_)?audio"\s*:\s*")[0-9a-fA-F]+')


def status(said: Mapping[str, Any]) -> int | None:
    """Return `base_resp.status_code`, 0 for success; None where there is none."""
    code = _base(said).get("status_code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def refusal(answer: Answer) -> tuple[str | None, str] | None:
    """Return the code and message of an answer that says it was not done, None where it does not say so."""
    said = document(answer.body) or {}
    code = status(said)
    if code:
        return str(code), str(_base(said).get("status_msg") or "")[:300]
    return None if answer.is_success else error_detail(answer.body)


def charged(_: Answer) -> int | None:
    """Return None: MiniMax states characters, never amounts."""
    return None


def file_id(said: Mapping[str, Any]) -> int | None:
    """Return the id of an uploaded file; it goes beyond what a double can hold, so only an integer will do."""
    file = said.get("file")
    found = file.get("file_id") if isinstance(file, dict) else None
    usable = isinstance(found, int) and not isinstance(found, bool) and 0 < found <= LARGEST_FILE_ID
    return found if usable else None


def audio(said: Mapping[str, Any]) -> bytes | None:
    """Return the spoken audio, which comes as hexadecimal digits; None where there is none."""
    data = said.get("data")
    digits = data.get("audio") if isinstance(data, dict) else None
    try:
        return bytes.fromhex(digits) if isinstance(digits, str) else None
    except ValueError:
        return None


def without_audio(text: str) -> str:
    """Return an answer's text with the digits of its audio cut out: they prove nothing and fill the evidence."""
    return _AUDIO_DIGITS.sub(r"\1", text)


def usage_chars(said: Mapping[str, Any]) -> int | None:
    """Return the characters a speech call was billed for."""
    extra = said.get("extra_info")
    found = extra.get("usage_characters") if isinstance(extra, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def system_voices(said: Mapping[str, Any]) -> list[SystemVoice]:
    """Return the system voices of a voice list; an entry without an id is no voice."""
    return [_voice(row) for row in rows(said, "system_voice") if voice_id(row)]


def _voice(row: Mapping[str, Any]) -> SystemVoice:
    described = row.get("description")
    lines = described if isinstance(described, list) else [described] if described else []
    return SystemVoice(
        provider_voice_id=str(row["voice_id"]),
        name=str(row.get("voice_name") or row["voice_id"]),
        category="system",
        description=" ".join(map(str, lines)),
    )


def _base(said: Mapping[str, Any]) -> Mapping[str, Any]:
    base = said.get("base_resp")
    return base if isinstance(base, dict) else {}
