"""Lists in pages: each starts after the last item of the page before."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import StringConstraints

from pipeline import views

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
"""A name or an id as it may be asked for: PostgreSQL takes no NUL in text."""

Limit = Annotated[int, Query(ge=1, le=views.PAGE_LIMIT, description="Most items in this page.")]
AfterId = Annotated[Text | None, Query(description="Id of the last item of the page before.")]
AfterPosition = Annotated[int, Query(ge=-1, le=2**31 - 1, description="Position of the last line of the page before.")]


def page(rows: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Return a page from a query that was asked for one item more than `limit`."""
    return {"data": rows[:limit], "has_more": len(rows) > limit}
