"""What the quality gate has yet to hear and what it has found, and how many takes it may ask for.

Columns are added and none is filled: takes of before were heard by nobody, and a million of them upgrade at once.
"""

import sqlalchemy as sa
from alembic import op

from pipeline.speech.models import IS_REFUSED, IS_UNHEARD

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNTS = ("heard_good", "heard_bad", "heard_unchecked")
OF_A_TAKE = ("hearing", "hearings", "outcome", "verdict", "heard_at")


def upgrade() -> None:
    op.add_column("takes", sa.Column("hearing", sa.String(length=24), nullable=True))
    op.add_column("takes", sa.Column("hearings", sa.Integer(), nullable=True))
    op.add_column("takes", sa.Column("outcome", sa.String(length=24), nullable=True))
    op.add_column("takes", sa.Column("verdict", sa.JSON(), nullable=True))
    op.add_column("takes", sa.Column("heard_at", sa.BigInteger(), nullable=True))
    _create_partial("ix_takes_hearing", ["hearing", "run_id", "id"], IS_UNHEARD)
    _create_partial("ix_takes_refused", ["account_id", "fingerprint"], IS_REFUSED)
    op.add_column("productions", sa.Column("retakes", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("retakes", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("retaken", sa.BigInteger(), nullable=False, server_default="0"))
    for name in COUNTS:
        op.add_column("runs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget the verdicts; takes that the gate has asked for stay in the histories of their lines."""
    for index in ("ix_takes_refused", "ix_takes_hearing"):
        op.drop_index(index, "takes")
    for name in reversed(OF_A_TAKE):
        op.drop_column("takes", name)
    for name in (*COUNTS, "retaken", "retakes"):
        op.drop_column("runs", name)
    op.drop_column("productions", "retakes")


def _create_partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "takes", columns, sqlite_where=where, postgresql_where=where)
