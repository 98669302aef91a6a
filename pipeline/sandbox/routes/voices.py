"""The voice list: a shared catalogue, five minutes old at most."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.book import Voice
from pipeline.sandbox.prices import MODELS
from pipeline.sandbox.visit import Visit
from pipeline.sandbox.voice import SystemVoice

router = APIRouter()


@router.get("/v1/audio/voices")
async def voices(request: Request) -> Response:
    """List system voices, and the caller's own where the server was started to list them."""
    visit = await Visit.begin(request, counted=False)
    cache, now = visit.box.catalogue, visit.box.clock.now()
    rows = cache.get(visit.user, now)
    state = "miss" if rows is None else "hit"
    if rows is None:
        rows = await _rows(visit)
        cache.rows[visit.user] = (now, rows)
    return await visit.read(JSONResponse({"object": "list", "data": rows}, headers={"X-Kyma-Cache": state}))


async def _rows(visit: Visit) -> list[dict[str, object]]:
    engine = await visit.box.voices.engine()
    rows = [_system_row(voice) for voice in await asyncio.to_thread(engine.system_voices)]
    if not visit.box.config.list_clones:
        return rows
    everywhere = await visit.box.store.run(visit.box.book.voices_of, visit.user)
    own = [voice for voice in everywhere if voice.model in MODELS]
    now_ms, expire = visit.box.clock.now_ms(), visit.box.config.expire_unused
    return rows + [_own_row(voice) for voice in own if not (expire and voice.expired(now_ms))]


def _system_row(voice: SystemVoice) -> dict[str, object]:
    return {
        "voice_id": voice.voice_id,
        "name": voice.name,
        "category": "premade",
        "labels": {"gender": voice.gender, "accent": voice.accent},
        "preview_url": None,
        "description": voice.description,
    }


def _own_row(voice: Voice) -> dict[str, object]:
    return {
        "voice_id": voice.voice_id,
        "name": voice.name,
        "category": "cloned" if voice.kind == "clone" else "generated",
        "labels": {},
        "preview_url": None,
        "description": None,
    }
