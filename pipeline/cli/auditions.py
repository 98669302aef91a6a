"""The cast as it sounds: one page with a player for each voice, which needs nothing but itself."""

import base64
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from pipeline.cli.client import Client, segment
from pipeline.cli.counting import counted
from pipeline.ledger.money import dollars

Json = dict[str, Any]
PLAYERS = (("audition", "First words"), ("reference", "Made of"))
LONGEST_RECORDING = 3_000_000
"""Bytes of a recording that is put into the page, half a minute of WAV: forty long ones would be half a gigabyte."""
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
article { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: .5rem; padding: 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin: 0 0 .25rem; font-size: 1.15rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; } small, figcaption { opacity: .75; } figure { margin: .75rem 0 0; }
audio { width: 100%; } .problem { color: #b3261e; }
@media (prefers-color-scheme: dark) { .problem { color: #ffb4ab; } }
"""


def page(voices: Iterable[Json], recordings: dict[str, bytes]) -> Iterator[str]:
    """Yield the page; `recordings` holds the sound of each link that a voice names."""
    yield "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    yield f"<title>Auditions</title><style>{STYLE}</style></head><body><h1>Auditions</h1><main>"
    for voice in voices:
        yield _card(voice, recordings)
    yield "</main></body></html>\n"


def fetched(client: Client, voices: Iterable[Json]) -> tuple[list[Json], dict[str, bytes]]:
    """Return what is known of each voice, and the sound of what it was made of and of its first words."""
    shown = [client.get(f"/voices/{segment(voice['id'])}") for voice in voices]
    links = [voice[part]["url"] for voice in shown for part, _ in PLAYERS if voice[part] and _fits(voice[part])]
    return shown, {link: client.download(link) for link in links if link}


def _fits(part: Json) -> bool:
    size: int = (part.get("measured") or {}).get("size_bytes", 0)
    return size <= LONGEST_RECORDING


def _card(voice: Json, recordings: dict[str, bytes]) -> str:
    made_of = voice["reference"]["file"] if voice["reference"] else voice["description"] or voice["voice_id"] or ""
    spoken = ", ".join(
        f"{escape(one['production'])}: {counted(one['takes'], 'take')}, {dollars(one['cost_micros'])}"
        for one in voice["spoken"]
    )
    problem = f"<p class='problem'>{escape(voice['message'] or voice['problem'])}</p>" if voice["problem"] else ""
    players = [_player(voice[part], title, recordings) for part, title in PLAYERS if voice[part]]
    return (
        f"<article><h2>{escape(voice['label'] or voice['id'])}</h2>"
        f"<p>{escape(voice['kind'])}, {escape(voice['state'])} <small>{escape(voice['voice_id'] or '')}</small></p>"
        f"<p><small>{escape(made_of)}</small></p>{_consent(voice['consent'])}{problem}"
        f"{''.join(players)}<p><small>{spoken}</small></p></article>"
    )


def _player(part: Json, title: str, recordings: dict[str, bytes]) -> str:
    sound = recordings.get(part["url"] or "")
    caption = f"{title}: {escape(part['text'])}" if part.get("text") else title
    if sound is None:
        why = "not there yet" if _fits(part) else "too long for this page"
        return f"<figure><figcaption>{caption} ({why})</figcaption></figure>"
    data = f"data:{escape(part['mime'] or 'audio/mpeg')};base64,{base64.b64encode(sound).decode()}"
    player = f"<audio controls preload='metadata' src='{data}'></audio>"
    return f"<figure><figcaption>{caption}</figcaption>{player}</figure>"


def _consent(consent: Json | None) -> str:
    if consent is None:
        return ""
    told = "synthetic" if consent.get("synthetic") else f"granted by {consent.get('granted_by') or 'nobody'}"
    revoked = " <span class='problem'>revoked</span>" if consent["revoked_at"] else ""
    return f"<p><small>{escape(consent['talent'])}, {escape(told)}{revoked}</small></p>"
