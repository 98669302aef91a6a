"""What a caller may know of the own account."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.money import usd_number
from pipeline.sandbox.visit import Visit

router = APIRouter()


@router.get("/v1/credits/balance")
async def balance(request: Request) -> Response:
    """Return the balance in dollars."""
    visit = await Visit.begin(request, counted=False)
    left = await visit.box.store.run(visit.box.book.balance, visit.user)
    return await visit.read(JSONResponse({"balance": usd_number(left), "currency": "USD"}))


@router.get("/v1/auth/limits")
async def limits(request: Request) -> Response:
    """Return requests a minute: allowed, used, left."""
    visit = await Visit.begin(request, counted=False)
    box, tier = visit.box, visit.caller.tier
    used = box.limiter.used(visit.user)
    left = await box.store.run(box.book.balance, visit.user)
    body = {
        "tier": tier.tier,
        "rpm_limit": tier.rpm,
        "rpm_used": used,
        "rpm_remaining": max(0, tier.rpm - used),
        "has_credits": left > 0,
        "used_today": await box.store.run(box.book.calls_today, visit.user),
    }
    return await visit.read(JSONResponse(body))
