"""`POST /v1/get_voice` and `/v1/delete_voice`: a voice is listed once it has spoken."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox import errors
from pipeline.sandbox.book import Voice
from pipeline.sandbox.minimax import prices, wire
from pipeline.sandbox.minimax.fields import arrive, text_of
from pipeline.sandbox.visit import Visit

router = APIRouter(route_class=wire.NumberedRoute)

_KINDS = {"voice_cloning": "clone", "voice_generation": "design"}


@router.post("/v1/get_voice")
async def get_voice(request: Request) -> Response:
    """List system voices, the caller's own, or all."""
    visit, body = await arrive(request)
    asked = body.get("voice_type")
    if asked not in ("system", "all", *_KINDS):
        raise wire.bad(f"voice_type must be system, all, {', '.join(_KINDS)}")
    rows: dict[str, list[dict[str, Any]]] = {"system_voice": [], "voice_cloning": [], "voice_generation": []}
    if asked in ("system", "all"):
        rows["system_voice"] = await _system_rows(visit)
    own = await visit.box.store.run(visit.box.book.voices_of, visit.user)
    for name, kind in _KINDS.items():
        if asked in (name, "all"):
            rows[name] = [_own_row(voice) for voice in own if voice.kind == kind and _listed(voice)]
    return await visit.read(wire.reply(request, rows))


@router.post("/v1/delete_voice")
async def delete_voice(request: Request) -> Response:
    """Delete one of the caller's voices for ever."""
    visit, body = await arrive(request)
    kind = _KINDS.get(text_of(body, "voice_type", 32))
    if kind is None:
        raise wire.bad(f"voice_type must be one of {', '.join(_KINDS)}")
    _, voice = await visit.look_up(text_of(body, "voice_id", 256))
    if voice is None or voice.deleted or voice.kind != kind or voice.model not in prices.VOICES:
        raise wire.NumberedError(wire.NO_SUCH_VOICE, "there is no such voice")
    if voice.user != visit.user:
        raise errors.not_owned()
    await visit.box.store.run(visit.box.book.delete_voice, voice.voice_id)
    return await visit.read(wire.reply(request, {"voice_id": voice.voice_id, "created_time": _day(voice.created_ms)}))


def _listed(voice: Voice) -> bool:
    return voice.model in prices.VOICES and voice.last_used_ms is not None and not voice.deleted


async def _system_rows(visit: Visit) -> list[dict[str, Any]]:
    engine = await visit.box.voices.engine()
    voices = await asyncio.to_thread(engine.system_voices)
    return [
        {"voice_id": voice.voice_id, "voice_name": voice.name, "description": [voice.description], "created_time": ""}
        for voice in voices
    ]


def _own_row(voice: Voice) -> dict[str, Any]:
    return {"voice_id": voice.voice_id, "description": [], "created_time": _day(voice.created_ms)}


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
