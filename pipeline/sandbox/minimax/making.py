"""`POST /v1/voice_clone` and `/v1/voice_design`: voices under ids of the caller's choosing, paid for at first use."""

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox import errors
from pipeline.sandbox.book import OwnershipNotWritten, Sale, Voice, VoiceIdTaken
from pipeline.sandbox.faults import Point
from pipeline.sandbox.host import Utterance, labels, render
from pipeline.sandbox.media import FORMATS
from pipeline.sandbox.minimax import prices, wire
from pipeline.sandbox.minimax.fields import arrive, integer_of, text_of
from pipeline.sandbox.prices import Model
from pipeline.sandbox.reference import cloned, measured
from pipeline.sandbox.visit import Visit
from pipeline.sandbox.voice import Profile, VoiceEngine

router = APIRouter(route_class=wire.NumberedRoute)

MAX_PROMPT, MAX_PREVIEW = 2000, 500
NO_CREDITS = "insufficient_credits"
_VOICE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{6,254}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Order:
    """A voice to be made; its fee is owed from its first use on, `sales` are charged now."""

    voice_id: str
    kind: str
    model: Model
    sales: tuple[Sale, ...] = ()

    @property
    def price(self) -> int:
        """Return micro-dollars charged now."""
        return sum(sale.amount for sale in self.sales)

    @property
    def fee(self) -> Sale:
        """Return what the voice will cost when it first speaks."""
        return Sale(f"voice-{self.kind}", self.model.id, 1, self.model.price, self.voice_id)


@router.post("/v1/voice_clone")
async def clone(request: Request) -> Response:
    """Make a voice of an uploaded recording; free until it speaks."""
    visit, body = await arrive(request, prices.CLONE)
    if "text" in body:
        raise wire.bad("text (a preview, billed as speech) is not offered by the sandbox")
    file = visit.box.shelf.get(visit.user, integer_of(body, "file_id"))
    if file is None or file.purpose != "voice_clone":
        raise wire.bad("file_id names no file that was uploaded for voice_clone")
    visit.call.file_sha256 = file.upload.sha256
    order = Order(await _free_id(visit, body.get("voice_id")), "clone", prices.CLONE)
    recording = await asyncio.to_thread(measured, file.upload.data)
    engine = await visit.box.voices.engine()
    await _upstream(visit, order)
    await _keep(visit, order, await visit.box.voices.run(cloned, engine, recording))
    answer = {"input_sensitive": False, "input_sensitive_type": 0, "demo_audio": ""}
    return await _answer(visit, engine, answer)


@router.post("/v1/voice_design")
async def design(request: Request) -> Response:
    """Make a voice of words; its sample is charged now, the voice when it speaks."""
    visit, body = await arrive(request, prices.DESIGN)
    prompt, sample = text_of(body, "prompt", MAX_PROMPT), text_of(body, "preview_text", MAX_PREVIEW)
    wanted = body.get("voice_id") or f"ttv-voice-{secrets.token_hex(8)}"
    voice_id = await _free_id(visit, wanted)
    units = prices.usage_characters(sample)
    preview = Sale("voice-design-preview", prices.PREVIEW.id, units, units * prices.PREVIEW.price, voice_id)
    order = Order(voice_id, "design", prices.DESIGN, (preview,))
    engine = await visit.box.voices.engine()
    await _upstream(visit, order)
    profile = await visit.box.voices.run(engine.design, prompt, None, None)
    spoken = Utterance(sample, voice_id, 1.0, FORMATS["mp3"])
    audio, _ = await visit.box.voices.run(render, engine, profile, spoken)
    await _keep(visit, order, profile)
    return await _answer(visit, engine, {"voice_id": voice_id, "trial_audio": audio.hex()})


async def _free_id(visit: Visit, wanted: object) -> str:
    """Return the id asked for, unless it breaks the rules or has ever been a voice's."""
    if not isinstance(wanted, str) or not _VOICE_ID.fullmatch(wanted):
        raise wire.bad(
            "voice_id must have 8 to 256 letters, digits, '-' and '_', begin with a letter, and not end in '-' or '_'"
        )
    visit.call.label = wanted
    _, taken = await visit.look_up(wanted)
    if taken is not None:
        raise _taken(wanted)
    return wanted


async def _upstream(visit: Visit, order: Order) -> None:
    balance = await visit.box.store.run(visit.box.book.balance, visit.user)
    visit.check_funds(balance, order.price, NO_CREDITS)
    await visit.upstream()


async def _keep(visit: Visit, order: Order, profile: Profile) -> None:
    """Write voice, fee and charge, all or nothing."""
    visit.after_upstream()
    voice = Voice(
        voice_id=order.voice_id,
        user=visit.user,
        name=None,
        kind=order.kind,
        model=order.model.id,
        profile=profile.to_json(),
        created_ms=visit.box.clock.now_ms(),
        last_used_ms=None,
    )
    await visit.settle(lambda: _bind(visit, order, voice), order.price, NO_CREDITS)


def _bind(visit: Visit, order: Order, voice: Voice) -> int:
    fails = Point.OWNERSHIP_WRITE_FAILED in visit.drawn
    try:
        return visit.box.book.sell_voice(visit.call, voice, *order.sales, fee=order.fee, ownership_fails=fails)
    except VoiceIdTaken as error:
        raise _taken(voice.voice_id) from error
    except OwnershipNotWritten as error:
        raise errors.ownership_write_failed() from error


async def _answer(visit: Visit, engine: VoiceEngine, body: dict[str, Any]) -> Response:
    response = wire.reply(visit.request, body)
    response.headers.update(labels(engine))
    return await visit.answer(response)


def _taken(voice_id: str) -> wire.NumberedError:
    return wire.NumberedError(wire.ID_EXISTS, f"voice_id {voice_id!r} exists or existed")
