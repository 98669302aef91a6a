"""What every table shares: names of constraints, portable enums, id and time columns."""

from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, Enum, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

from pipeline.db.clock import now_ms
from pipeline.db.hashes import IndexedHash

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Id = Annotated[str, mapped_column(String(40), primary_key=True)]
Ref = Annotated[str, mapped_column(String(40))]
Sha256 = Annotated[str, mapped_column(String(64))]
Fingerprint = Annotated[str, mapped_column(IndexedHash(64))]
"""A SHA-256 that rows are looked up by, of which an index holds the beginning."""
Micros = Annotated[int, mapped_column(BigInteger)]
"""Micro-dollars: $2.10 is 2_100_000."""
Millis = Annotated[int, mapped_column(BigInteger)]
"""Milliseconds since 1970, by the database's clock."""
CreatedAt = Annotated[int, mapped_column(BigInteger, default=now_ms())]


class Base(DeclarativeBase):
    """The one registry of tables."""

    metadata = MetaData(naming_convention=NAMING)


def states(enum: type[StrEnum], *, checked: bool = True) -> Enum:
    """Return a column type that stores a StrEnum's values as text, on both databases alike.

    It has a CHECK but where `checked` is False: one that comes to a table later would make SQLite write it anew.
    """
    return Enum(
        enum,
        native_enum=False,
        create_constraint=checked,
        name=enum.__name__.lower(),
        length=24,
        values_callable=lambda members: [member.value for member in members],
    )
