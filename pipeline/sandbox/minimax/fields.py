"""Reading the members of a JSON body; what does not fit is refused with parameters' number."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from fastapi import Request

from pipeline.sandbox.body import MAX_JSON_BYTES, parse_json, read_body
from pipeline.sandbox.minimax import wire
from pipeline.sandbox.minimax.prices import calls_per_minute
from pipeline.sandbox.prices import Model
from pipeline.sandbox.visit import Visit

T = TypeVar("T")


async def arrive(request: Request, model: Model | None = None) -> tuple[Visit, dict[str, Any]]:
    """Let a request in, paced by its model's sort where it runs one, and return its JSON body."""
    visit = await Visit.begin(request, counted=False)
    if model is not None:
        limit = calls_per_minute(model, visit.caller.tier)
        visit.box.limiter.count_calls(visit.user, f"minimax {model.modality}", limit)
    return visit, parse_json(await read_body(request, visit.call, MAX_JSON_BYTES))


def text_of(body: Mapping[str, Any], name: str, longest: int) -> str:
    """Return a text that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise wire.bad(f"{name} must be text of 1 to {longest} characters")
    return value


def integer_of(body: Mapping[str, Any], name: str) -> int:
    """Return a whole number that must be there; digits in quotes are none."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wire.bad(f"{name} must be a whole number, not {type(value).__name__}")
    return value


def number_of(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """Return a number within its bounds."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise wire.bad(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def object_of(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object, empty where none is given."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise wire.bad(f"{name} must be an object")
    return value


def choice_of(body: Mapping[str, Any], name: str, default: T, choices: Collection[T]) -> T:
    """Return one of the values allowed."""
    value = body.get(name, default)
    if type(value) is not type(default) or value not in choices:
        raise wire.bad(f"{name} must be one of {', '.join(map(str, choices))} in the sandbox")
    return value
