"""`/__sandbox__/*`: what a test needs and the vendor does not have. For callers on this machine only."""

import ipaddress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from pipeline.sandbox import errors
from pipeline.sandbox.body import MAX_JSON_BYTES, parse_json, read_body
from pipeline.sandbox.box import CatalogueCache, Sandbox, call_of, sandbox_of
from pipeline.sandbox.faults import Rule

router = APIRouter(prefix="/__sandbox__")

_OPTIONS = {
    "latency_ms": int,
    "list_clones": bool,
    "idempotency": bool,
    "expire_unused": bool,
    "bad_audio": str,
    "bad_audio_seed": int,
}


@router.get("/state")
async def state(request: Request) -> Response:
    """Return how the server was started and what it is doing."""
    box = _local(request)
    config = box.config
    body = {
        "engine": {"asked": config.engine, "state": box.voices.state},
        "latency_ms": config.latency_ms,
        "list_clones": config.list_clones,
        "idempotency": config.idempotency,
        "expire_unused": config.expire_unused,
        "bad_audio": config.bad_audio,
        "bad_audio_seed": config.bad_audio_seed,
        "files": len(box.shelf),
        "clock": _clock(box),
        "in_flight": box.limiter.in_flight(),
        "faults": [rule.as_json() for rule in box.faults.rules],
        "users": {
            entry.user: {
                "tier": entry.tier.tier,
                "balance": await box.store.run(box.book.balance, entry.user),
            }
            for entry in config.keys
        },
    }
    return JSONResponse(body)


@router.get("/ledger")
async def ledger(request: Request) -> Response:
    """Return accounts, charges, voices and calls; amounts are integer micro-dollars."""
    box = _local(request)
    return JSONResponse(await box.store.run(box.book.dump))


@router.post("/reset")
async def reset(request: Request) -> Response:
    """Forget everything, as if the server had been started on an empty file."""
    box = _local(request)
    await box.store.run(box.wipe)
    box.faults.replace([])
    box.limiter.forget()
    box.catalogue = CatalogueCache()
    box.shelf.clear()
    box.spoiler.asked.clear()
    box.config = box.started_with
    return JSONResponse({"reset": True})


@router.get("/faults")
async def faults(request: Request) -> Response:
    """Return the rules in force and how often each has fired."""
    return _rules(_local(request))


@router.post("/faults")
async def set_faults(request: Request) -> Response:
    """Replace the rules: `{"faults": [{"point", "route", "count" | "probability", "seed"}]}`."""
    box = _local(request)
    rows = (await _json(request)).get("faults")
    if not isinstance(rows, list):
        raise errors.invalid('give {"faults": [...]}; an empty list clears the rules')
    try:
        box.faults.replace([Rule.from_json(row) for row in rows])
    except ValueError as error:
        raise errors.invalid(str(error)) from error
    return _rules(box)


@router.post("/options")
async def set_options(request: Request) -> Response:
    """Change how the server behaves until it is reset or started anew; members that are not given stay.

    `{"latency_ms": N, "list_clones": bool, "idempotency": bool, "expire_unused": bool, "bad_audio": "all=0.06",
    "bad_audio_seed": N}`; setting `bad_audio` counts anew how often each line was asked for.
    """
    box = _local(request)
    given = await _json(request)
    for name, value in given.items():
        if name not in _OPTIONS or type(value) is not _OPTIONS[name]:
            kinds = ", ".join(f"{option} ({kind.__name__})" for option, kind in _OPTIONS.items())
            raise errors.invalid(f"{name!r} cannot be set to that; the options are {kinds}")
    try:
        box.config = replace(box.config, **given)
    except ValueError as error:
        raise errors.invalid(str(error)) from error
    box.catalogue = CatalogueCache()
    if "bad_audio" in given:
        box.spoiler.asked.clear()
    return JSONResponse({name: getattr(box.config, name) for name in _OPTIONS})


@router.get("/clock")
async def clock(request: Request) -> Response:
    """Return the time the server lives in."""
    return JSONResponse(_clock(_local(request)))


@router.post("/clock")
async def advance(request: Request) -> Response:
    """Move the clock on: `{"advance_seconds": N}`."""
    box = _local(request)
    seconds = (await _json(request)).get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise errors.invalid("advance_seconds must be a number of seconds, 0 or more")
    await box.store.run(box.advance, float(seconds))
    return JSONResponse(_clock(box))


@router.post("/credit")
async def credit(request: Request) -> Response:
    """Add to a balance: `{"user": "...", "micros": N}`."""
    box = _local(request)
    body = await _json(request)
    user, micros = body.get("user"), body.get("micros")
    if not isinstance(user, str) or isinstance(micros, bool) or not isinstance(micros, int) or micros <= 0:
        raise errors.invalid("give a user and a positive whole number of micros (micro-dollars)")
    balance = await box.store.run(box.book.top_up, user, micros)
    if balance is None:
        raise errors.invalid(f"there is no user {user!r}", status=404)
    return JSONResponse({"user": user, "balance": balance})


def _local(request: Request) -> Sandbox:
    """Return the parts to a caller on this machine; nobody else is answered."""
    host = request.client.host if request.client is not None else ""
    if not (host and ipaddress.ip_address(host).is_loopback):
        raise errors.invalid("the sandbox is controlled from its own machine only", "loopback_only", 403)
    return sandbox_of(request)


async def _json(request: Request) -> dict[str, Any]:
    return parse_json(await read_body(request, call_of(request), MAX_JSON_BYTES))


def _rules(box: Sandbox) -> Response:
    return JSONResponse({"faults": [rule.as_json() for rule in box.faults.rules]})


def _clock(box: Sandbox) -> dict[str, float]:
    return {"now": box.clock.now(), "offset_seconds": box.clock.offset}
