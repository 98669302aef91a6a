"""The HTTP API. Every query is scoped by the account of the key; every error has a code and the next step."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from pipeline.api import accounts, lines, plans, runs, uploads
from pipeline.api.deps import TheEdge
from pipeline.edge import Edge
from pipeline.errors import CallsheetError, UsageError

DESCRIPTION = """Plan and apply for voices. Amounts are integer micro-dollars, times are ISO 8601 in UTC.

Upload the files of a submission with the forms of `POST /v1/uploads`, look at `POST /v1/plans`, start it with
`POST /v1/runs`, follow `GET /v1/runs/{id}`."""


def create_app(edge: Edge) -> FastAPI:
    """Make the API over an edge."""
    # The interactive pages would be fetched from elsewhere at run time; the reference itself is at /openapi.json.
    app = FastAPI(title="Callsheet", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.edge = edge
    for routes in (uploads, plans, runs, lines, accounts):
        app.include_router(routes.router, prefix="/v1")
    app.add_api_route("/v1/health", health, tags=["health"], summary="Whether the API answers, and for which provider")
    app.add_exception_handler(CallsheetError, _callsheet_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    return app


def health(edge: TheEdge) -> dict[str, str]:
    """Say that the API answers."""
    return {"status": "ok", "provider": edge.provider.name}


async def _callsheet_error(_request: Request, error: Exception) -> JSONResponse:
    known = error if isinstance(error, CallsheetError) else CallsheetError(str(error))
    return JSONResponse({"error": known.as_dict()}, status_code=known.http_status)


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    details = error.errors() if isinstance(error, RequestValidationError) else []
    places = [f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}" for detail in details]
    refusal = UsageError(
        "; ".join(places) or "The request is not valid.", hint="See /openapi.json for what is expected."
    )
    return JSONResponse({"error": refusal.as_dict()}, status_code=422)
