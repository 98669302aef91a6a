"""Pitch, volume and emotion of a take, where a provider can do them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("takes", sa.Column("pitch", sa.Integer(), nullable=True))
    op.add_column("takes", sa.Column("volume", sa.Double(), nullable=True))
    op.add_column("takes", sa.Column("emotion", sa.String(length=40), nullable=True))


def downgrade() -> None:
    """Forget how takes were asked for; their fingerprints still tell them apart."""
    for column in ("emotion", "volume", "pitch"):
        op.drop_column("takes", column)
