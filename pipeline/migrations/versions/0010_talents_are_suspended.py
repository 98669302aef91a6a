"""That a talent was suspended or reinstated, by whom and why: rows that are only added to."""

import sqlalchemy as sa
from alembic import op

from pipeline.ledger.models import append_only

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = "consent_events"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("talent", sa.String(length=200), nullable=False),
        sa.Column("talent_key", sa.String(length=600), nullable=False),
        sa.Column(
            "action",
            sa.Enum("suspend", "reinstate", name="consentaction", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_consent_events_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_events")),
    )
    op.create_index("ix_consent_events_account_id_talent_key", TABLE, ["account_id", "talent_key"])
    for statement in append_only(TABLE, op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Forget who was suspended and why; consents that are withdrawn stay so, as `revoked_at` says."""
    op.drop_table(TABLE)
