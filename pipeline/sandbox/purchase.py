"""Buying a voice, cloned or designed: everything after the voice's own request was understood."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from pipeline.sandbox import errors
from pipeline.sandbox.book import OwnershipNotWritten, Replay, Sale, Voice, new_voice_id
from pipeline.sandbox.faults import Point
from pipeline.sandbox.host import labels
from pipeline.sandbox.money import format_usd, usd_number
from pipeline.sandbox.prices import Model
from pipeline.sandbox.visit import Visit
from pipeline.sandbox.voice import Profile, VoiceEngine

MAX_NAME = 64
MAX_IDEMPOTENCY_KEY = 128
NO_CREDITS = "insufficient_credits"


@dataclass(frozen=True, slots=True)
class Order:
    """A voice to be made: `content` is the hash of what it is made from."""

    kind: str
    model: Model
    name: str | None
    content: str
    idempotency_key: str

    @property
    def fingerprint(self) -> str:
        """Return what makes two requests under one idempotency key the same."""
        return hashlib.sha256(json.dumps([self.kind, self.model.id, self.name, self.content]).encode()).hexdigest()


def checked_name(name: object) -> str | None:
    """Return the optional label."""
    if name is None:
        return None
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise errors.invalid(f"name must be text of at most {MAX_NAME} characters")
    return name


def idempotency_key(visit: Visit, field: object) -> str:
    """Return the key to honour: none unless the sandbox was started to honour any."""
    if not visit.box.config.idempotency:
        return ""
    key = visit.request.headers.get("idempotency-key") or field or ""
    if not isinstance(key, str) or len(key) > MAX_IDEMPOTENCY_KEY:
        raise errors.invalid(f"idempotency_key must be text of at most {MAX_IDEMPOTENCY_KEY} characters")
    visit.call.idempotency_key = key
    return key


async def buy(visit: Visit, order: Order, make: Callable[[VoiceEngine], Profile]) -> Response:
    """Balance, upstream, ownership row and charge, answer: in this order."""
    with _one_at_a_time(visit, order.idempotency_key):
        replayed = await _replay(visit, order)
        if replayed is not None:
            return await visit.answer(replayed)
        price = order.model.price
        balance, _ = await visit.look_up()
        visit.check_funds(balance, price, NO_CREDITS)
        engine = await visit.box.voices.engine()
        await visit.upstream()
        profile = await visit.box.voices.run(make, engine)
        visit.after_upstream()
        voice = Voice(
            voice_id=new_voice_id(),
            user=visit.user,
            name=order.name,
            kind=order.kind,
            model=order.model.id,
            profile=profile.to_json(),
            created_ms=visit.box.clock.now_ms(),
            last_used_ms=None,
        )
        balance = await visit.settle(lambda: _sell(visit, order, voice), price, NO_CREDITS)
    response = _receipt(order, voice.voice_id, balance)
    response.headers.update(labels(engine))
    return await visit.answer(response)


def _sell(visit: Visit, order: Order, voice: Voice) -> int:
    replay = Replay(order.idempotency_key, order.fingerprint, voice.voice_id) if order.idempotency_key else None
    sale = Sale(f"voice-{order.kind}", order.model.id, 1, order.model.price, voice.voice_id)
    try:
        return visit.box.book.sell_voice(
            visit.call,
            voice,
            sale,
            ownership_fails=Point.OWNERSHIP_WRITE_FAILED in visit.drawn,
            replay=replay,
        )
    except OwnershipNotWritten as error:
        raise errors.ownership_write_failed() from error


def _receipt(order: Order, voice_id: str, balance: int) -> JSONResponse:
    price = order.model.price
    body = {
        "voice_id": voice_id,
        "name": order.name,
        "model": order.model.id,
        "cost_usd": usd_number(price),
        "balance_usd": usd_number(balance),
    }
    headers = {
        "X-Kyma-Model": order.model.id,
        "X-Kyma-Cost-USD": format_usd(price),
        "X-Kyma-Balance-USD": format_usd(balance),
    }
    return JSONResponse(body, headers=headers)


@contextmanager
def _one_at_a_time(visit: Visit, key: str) -> Iterator[None]:
    """Let one request under an idempotency key work at a time."""
    ours = (visit.user, key)
    if key and ours in visit.box.keys_in_use:
        message = "a request under this idempotency key is being worked on"
        raise errors.invalid(message, "idempotency_in_progress", 409)
    if key:
        visit.box.keys_in_use.add(ours)
    try:
        yield
    finally:
        visit.box.keys_in_use.discard(ours)


async def _replay(visit: Visit, order: Order) -> JSONResponse | None:
    """Answer a repeated request with what the first one bought, at no charge."""
    if not order.idempotency_key:
        return None
    found = await visit.box.store.run(visit.box.book.find_replay, visit.user, order.idempotency_key)
    if found is None:
        return None
    replay, balance = found
    if replay.fingerprint != order.fingerprint:
        raise errors.invalid("this idempotency key was used for another request", "idempotency_conflict", 409)
    response = _receipt(order, replay.body, balance)
    response.headers["Idempotent-Replay"] = "true"
    return response
