"""The history of a line's takes, the choice among them, and lines that are locked.

A line that nothing was said of has one take, its number 1, and needs no row for it: a million lines upgrade at once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("takes", sa.Column("alternative_of", sa.String(length=64), nullable=True))
    op.add_column("lines", sa.Column("sound", sa.String(length=64), nullable=True))
    op.add_column("lines", sa.Column("locked_at", sa.BigInteger(), nullable=True))
    op.add_column("lines", sa.Column("locked_by", sa.String(length=120), nullable=True))
    op.create_table(
        "line_takes",
        sa.Column("production_id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum("approved", "rejected", name="verdict", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["production_id"], ["productions.id"], name=op.f("fk_line_takes_production_id_productions")
        ),
        sa.PrimaryKeyConstraint("production_id", "line_id", "number", name=op.f("pk_line_takes")),
    )
    op.create_index("ix_line_takes_fingerprint", "line_takes", ["fingerprint"])
    is_rejected = sa.text("verdict = 'rejected'")
    op.create_index(
        "ix_line_takes_rejected",
        "line_takes",
        ["production_id", "line_id"],
        sqlite_where=is_rejected,
        postgresql_where=is_rejected,
    )


def downgrade() -> None:
    """Forget the history; each line keeps the take that was chosen for it until the next apply."""
    op.drop_table("line_takes")
    for column in ("locked_by", "locked_at", "sound"):
        op.drop_column("lines", column)
    op.drop_column("takes", "alternative_of")
