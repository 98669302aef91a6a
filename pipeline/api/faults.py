"""Errors on the wire: one envelope whatever went wrong, and what the reference says about it."""

import json
from typing import Any, TypeAlias

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException

from pipeline.errors import CallsheetError, Conflict, EnvironmentFault, NotFound, Unauthorised, UsageError
from pipeline.provider.errors import ProviderError
from pipeline.storage.port import StorageError

Responses: TypeAlias = dict[int | str, dict[str, Any]]

INVALID, NO_SUCH_PLACE = 422, 404
REFERENCE = "See /openapi.json for what is expected."
DOCTOR = "`callsheet doctor` tells what is wrong; then try again."

log = structlog.get_logger()


class Fault(BaseModel):
    """What went wrong and what to do next. Some errors carry more fields, such as `problems`."""

    model_config = ConfigDict(extra="allow")

    code: str
    message: str
    hint: str


class Envelope(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault


_AS_JSON = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Envelope.__name__}"}}}


def refusals(*kinds: type[CallsheetError]) -> Responses:
    """Describe the errors a route may answer with, for the reference."""
    described: Responses = {}
    for kind in kinds:
        text = f"`{kind.code}`: {kind.__doc__}"
        known = described.get(kind.http_status)
        described[kind.http_status] = {
            "model": Envelope,
            "description": f"{known['description']} {text}" if known else text,
        }
    return described


def never_streamed(described: Responses) -> Responses:
    """Say that a route which answers with a stream is refused in JSON all the same."""
    return {status: {"description": told["description"], "content": _AS_JSON} for status, told in described.items()}


SCOPED: Responses = refusals(Unauthorised, EnvironmentFault) | {
    INVALID: {"model": Envelope, "description": f"`{UsageError.code}`: A value of the request is not valid."}
}
"""What every route of an account may answer."""


def add_handlers(app: FastAPI) -> None:
    """Let every error leave in the envelope."""
    app.add_exception_handler(CallsheetError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(ProviderError, _provider_away)
    app.add_exception_handler(StorageError, _bucket_away)
    app.add_exception_handler(SQLAlchemyError, _database_away)
    app.add_exception_handler(Exception, _unknown)


async def _known(_request: Request, error: Exception) -> Response:
    known = error if isinstance(error, CallsheetError) else CallsheetError(str(error))
    return _answer(known, headers={"WWW-Authenticate": "Bearer"} if isinstance(known, Unauthorised) else {})


async def _invalid(_request: Request, error: Exception) -> Response:
    details = error.errors() if isinstance(error, RequestValidationError) else []
    places = [f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}" for detail in details]
    return _answer(UsageError("; ".join(places) or "The request is not valid.", hint=REFERENCE), status=INVALID)


async def _unrouted(request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, HTTPException) else HTTPException(NO_SUCH_PLACE)
    if refused.status_code == NO_SUCH_PLACE:
        return _answer(NotFound(f"There is nothing at {request.url.path}.", hint=REFERENCE))
    told = UsageError(f"{request.method} {request.url.path}: {refused.detail}.", hint=REFERENCE)
    return _answer(told, status=refused.status_code, headers=dict(refused.headers or {}))


async def _provider_away(request: Request, error: Exception) -> Response:
    name, cause = request.app.state.edge.provider.name, getattr(error, "kind", "")
    return _answer(EnvironmentFault(f"The provider {name} did not answer: {error}", hint=DOCTOR, cause=cause))


async def _bucket_away(_request: Request, error: Exception) -> Response:
    return _answer(EnvironmentFault(f"The bucket did not answer: {error}", hint=DOCTOR))


async def _database_away(request: Request, error: Exception) -> Response:
    # Its text holds SQL and values: neither the answer nor the log quotes it.
    route = getattr(request.scope.get("route"), "path", "")
    log.warning("request_failed", method=request.method, route=route, exc_info=error)
    if isinstance(error, IntegrityError):
        return _answer(Conflict("Another request wrote the same at the same moment.", hint="Look again, then repeat."))
    return _answer(EnvironmentFault(f"The database did not answer: {type(error).__name__}.", hint=DOCTOR))


async def _unknown(_request: Request, error: Exception) -> Response:
    told = CallsheetError(f"Something went wrong in the API: {type(error).__name__}.", hint="Its log tells more.")
    return _answer(told)


def _answer(error: CallsheetError, *, status: int | None = None, headers: dict[str, str] | None = None) -> Response:
    # In ASCII: what is refused may hold half a surrogate pair, which no UTF-8 answer can.
    body = json.dumps({"error": error.as_dict()}, default=str)
    return Response(body, status or error.http_status, headers, media_type="application/json")
