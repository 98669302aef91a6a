"""What a request may rely on: the edge, and the account its key speaks for."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pipeline.edge import Edge
from pipeline.ledger.accounts import authenticate
from pipeline.ledger.prices import load_prices
from pipeline.planning.market import Market

_bearer = HTTPBearer(auto_error=False, description="An API key of the account: `cs_...`.")


def _edge(request: Request) -> Edge:
    edge: Edge = request.app.state.edge
    return edge


TheEdge = Annotated[Edge, Depends(_edge)]


def _account_id(edge: TheEdge, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    with edge.read() as session:
        return authenticate(session, given.credentials if given else "")


AccountId = Annotated[str, Depends(_account_id)]


def _actor(_account_id: AccountId, given: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)]) -> str:
    return "_".join(given.credentials.split("_")[:2])


Actor = Annotated[str, Depends(_actor)]
"""Who asks, for the record: the id of the key, which is no secret."""


def _market(edge: TheEdge) -> Market:
    with edge.read() as session:
        prices = load_prices(session, edge.provider.name)
    return Market(edge.provider.name, edge.provider.capabilities(), prices)


TheMarket = Annotated[Market, Depends(_market)]
