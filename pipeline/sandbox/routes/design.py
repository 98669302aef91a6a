"""`POST /v1/audio/voice-design`: a description in, a voice out, $4.20."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox import errors
from pipeline.sandbox.body import MAX_JSON_BYTES, parse_json, read_body
from pipeline.sandbox.prices import DESIGN_MODEL, MODELS
from pipeline.sandbox.purchase import Order, buy, checked_name, idempotency_key
from pipeline.sandbox.visit import Visit

router = APIRouter()

MAX_DESCRIPTION = 1000
MAX_PREVIEW = 500
_CHOICES = {"gender": ("male", "female"), "age_group": ("child", "young", "middle-aged", "elderly")}


@router.post("/v1/audio/voice-design")
async def design(request: Request) -> Response:
    """Make a voice from words."""
    visit = await Visit.begin(request, counted=True)
    with visit.slot(MODELS[DESIGN_MODEL]):
        body = parse_json(await read_body(request, visit.call, MAX_JSON_BYTES))
        description, gender, age_group = _checked(body)
        name = checked_name(body.get("name"))
        visit.call.label = name or ""
        key = idempotency_key(visit, body.get("idempotency_key"))
        order = Order("design", MODELS[DESIGN_MODEL], name, repr((description, gender, age_group)), key)
        return await buy(visit, order, lambda engine: engine.design(description, gender, age_group))


def _checked(body: dict[str, Any]) -> tuple[str, str | None, str | None]:
    if body.get("model", DESIGN_MODEL) != DESIGN_MODEL:
        raise errors.invalid(f"{body['model']!r} is not a voice-design model", "not_a_voice_design_model")
    description = body.get("description", body.get("text"))
    if not isinstance(description, str) or not description.strip():
        raise errors.invalid("description is required")
    if len(description) > MAX_DESCRIPTION:
        message = f"description has {len(description)} characters; at most {MAX_DESCRIPTION} are taken"
        raise errors.invalid(message, "description_too_long")
    preview = body.get("preview_text", "")
    if not isinstance(preview, str) or len(preview) > MAX_PREVIEW:
        raise errors.invalid(f"preview_text must be text of at most {MAX_PREVIEW} characters")
    return description, _choice(body, "gender"), _choice(body, "age_group")


def _choice(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if value not in _CHOICES[name]:
        raise errors.invalid(f"{name} must be one of {', '.join(_CHOICES[name])}")
    return str(value)
