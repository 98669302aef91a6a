"""Hashes that rows are looked up by: an index holds how they begin, which says as much in a third of the pages."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Function, String, and_, func, literal_column
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.operators import OperatorType, eq, in_op

BEGINNING = 20
"""Hexadecimal digits, which are 80 bits: among ten million hashes two begin alike once in 24 billion times."""
FINGERPRINT_BEGINS = f"substr(fingerprint, 1, {BEGINNING})"
"""What the indexes of columns of that name hold."""


def beginning(hashed: ColumnElement[str]) -> Function[str]:
    """Return how a hash begins, in the letters of an index: no database looks a bound length up in it."""
    return func.substr(hashed, literal_column("1"), literal_column(str(BEGINNING)), type_=String(BEGINNING))


class IndexedHash(String):
    """The type of a hash of which an index holds the beginning: `==` and `in_` ask for that.

    What begins alike is the same. Only of two columns are the whole hashes compared, too, as either may have an index
    of those.
    """

    class Comparator(String.Comparator[str]):
        """Says `==` and `in_` so that the index can answer."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:  # noqa: ANN401 - as SQLAlchemy has it
            """Compare how hashes begin, where rows are looked up by them."""
            if op is eq and isinstance(other[0], str):
                # Not the whole beside it: SQLite would put the value into the index's expression, and miss the index.
                return beginning(self.expr) == other[0][:BEGINNING]
            if op is in_op and isinstance(other[0], Collection):
                return beginning(self.expr).in_([value[:BEGINNING] for value in other[0]])
            compared = super().operate(op, *other, **kwargs)
            is_joined = op is eq and other[0] is not None
            return and_(beginning(self.expr) == beginning(other[0]), compared) if is_joined else compared

    comparator_factory = Comparator
