"""When a part of a stopped run was last given up: the next part follows at once, and a lost one after a while."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("stopping_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "stopping_at")
