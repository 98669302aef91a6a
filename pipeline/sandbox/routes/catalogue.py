"""What anybody may read without a key: health, models, prices, tiers."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.box import sandbox_of
from pipeline.sandbox.prices import model_rows, pricing_rows

router = APIRouter()


@router.get("/v1/health")
async def health(request: Request) -> Response:
    """Answer as soon as the server listens, whether or not a voice has loaded."""
    return JSONResponse({"status": "ok", "service": "kyma-sandbox", "engine": sandbox_of(request).voices.state})


@router.get("/v1/models")
async def models() -> Response:
    """List what can be called."""
    return JSONResponse({"object": "list", "data": model_rows()})


@router.get("/v1/pricing")
async def pricing() -> Response:
    """List what it costs."""
    rows = pricing_rows()
    body = {"object": "pricing.catalog", "text_count": 0, "media_count": len(rows), "text": [], "media": rows}
    return JSONResponse(body, headers={"Cache-Control": "public, max-age=60"})


@router.get("/v1/limits/tiers")
async def tiers(request: Request) -> Response:
    """List how much each tier may do at once."""
    body = {"object": "tier.matrix", "tiers": list(sandbox_of(request).tiers())}
    return JSONResponse(body, headers={"Cache-Control": "public, max-age=300"})
