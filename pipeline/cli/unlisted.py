"""Voices of the provider's own that it does not list: a misspelt one is named before calls in it are paid for."""

from typing import Any

from rich.markup import escape

from pipeline.cli.client import Client
from pipeline.errors import CallsheetError
from pipeline.intake.rules.problems import Suggestions

Json = dict[str, Any]


def unlisted_voices(client: Client, drawn: Json) -> list[Json]:
    """Return the system voices of a plan that the provider does not list, each with the nearest one that it does.

    Nobody is asked where nothing is to be spoken in one. A provider that does not answer keeps no plan from being read.
    """
    own = [voice for voice in drawn["voices"] if voice["kind"] == "system"]
    if not own or not drawn["totals"]["lines_to_speak"]:
        return []
    try:
        listed = [voice["provider_voice_id"] for voice in client.get("/system-voices")["data"]]
    except CallsheetError:
        return []
    near = Suggestions(listed)
    return [
        {"voice_id": voice["source"], "characters": voice["characters"], "hint": near.hint(voice["source"])}
        for voice in own
        if listed and voice["source"] not in listed
    ]


def told(voice: Json, provider: str) -> str:
    """Say of a voice that is not listed whose it is to be, and what may come of it."""
    meant = f" {escape(voice['hint'])}" if voice["hint"] else ""
    return (
        f"[yellow]voice[/]  {escape(provider)} lists no voice {escape(voice['voice_id'])}"
        f" ({escape(', '.join(voice['characters']))}):{meant} A call in a voice that does not exist fails, and may be"
        " charged. `callsheet voices --system` lists them."
    )
