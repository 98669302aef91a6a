"""The HTTP API. Every query is scoped by the account of the key; every error has a code and the next step."""

from fastapi import FastAPI

from pipeline.api import (
    accounts,
    control,
    events,
    lines,
    metrics,
    money,
    music,
    plans,
    reconcile,
    runs,
    saying,
    takes,
    talents,
    uploads,
)
from pipeline.api.bodies import BodyLimit
from pipeline.api.deps import TheEdge
from pipeline.api.faults import add_handlers
from pipeline.edge import Edge

DESCRIPTION = """Plan and apply for voices. Amounts are integer micro-dollars, times are ISO 8601 in UTC.

Upload the files of a submission with the forms of `POST /v1/uploads`, look at `POST /v1/plans`, start it with
`POST /v1/runs`, follow `GET /v1/runs/{id}/events`."""

ROUTES = (uploads, music, plans, runs, saying, control, events, lines, takes, accounts, talents, money, reconcile)


def create_app(edge: Edge, *, metrics_token: str | None = None) -> FastAPI:
    """Make the API over an edge. Without a token only this machine may read its metrics."""
    # The interactive pages would be fetched from elsewhere at run time; the reference itself is at /openapi.json.
    app = FastAPI(title="Callsheet", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.edge = edge
    app.state.lookout = events.Lookout()
    app.state.metrics = metrics.rows_registry(edge)
    app.state.metrics_token = metrics_token
    for routes in ROUTES:
        app.include_router(routes.router, prefix="/v1")
    app.include_router(metrics.router)
    app.add_api_route("/v1/health", health, tags=["health"], summary="Whether the API answers, and for which provider")
    app.add_middleware(BodyLimit)
    add_handlers(app)
    return app


def health(edge: TheEdge) -> dict[str, str]:
    """Say that the API answers."""
    return {"status": "ok", "provider": edge.provider.name}
