"""Fair shares of a provider, and runs that a person holds up."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("weight", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("accounts", sa.Column("in_flight_cap", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("paused_at", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("streak", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("streak_cause", sa.String(length=40), nullable=True))
    op.create_table(
        "windows",
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("virtual_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_windows")),
    )
    op.create_table(
        "turns",
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("virtual_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_turns_account_id_accounts")),
        sa.PrimaryKeyConstraint("provider", "account_id", name=op.f("pk_turns")),
    )
    # What the provider allows is read anew by the sweeper before anybody calls.
    op.drop_table("paces")
    op.create_table(
        "paces",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("concurrent", sa.Integer(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("characters_per_minute", sa.Integer(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("characters_next_at", sa.BigInteger(), nullable=False),
        sa.Column("cooldown_until", sa.BigInteger(), nullable=False),
        sa.Column("learnt", sa.Integer(), nullable=False),
        sa.Column("learnt_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paces")),
    )
    op.drop_index("ix_takes_due", "takes")
    op.create_index("ix_takes_due", "takes", ["state", "run_id", "provider", "priority", "id", "not_before"])
    is_audition = sa.text("kind = 'audition'")
    op.create_index("ix_takes_auditions", "takes", ["voice_id"], sqlite_where=is_audition, postgresql_where=is_audition)


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database")
