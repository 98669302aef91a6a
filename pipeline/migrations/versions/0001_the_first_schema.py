"""The first schema."""

import sqlalchemy as sa
from alembic import op

from pipeline.ledger.models import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
    )
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_instances_beat_at"), ["beat_at"], unique=False)

    op.create_table(
        "paces",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("interval_ms", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("cooldown_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paces")),
    )
    op.create_table(
        "price_lists",
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_price_lists")),
    )
    op.create_table(
        "slots",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number", name=op.f("pk_slots")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "budgets",
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("overrun", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("spent + held <= cap", name=op.f("ck_budgets_within_cap")),
        sa.CheckConstraint("spent >= 0 AND held >= 0 AND overrun >= 0", name=op.f("ck_budgets_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_budgets_account_id_accounts")),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_budgets")),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("talent", sa.String(length=200), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_consents_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index("uq_consents_account_id_digest", ["account_id", "digest"], unique=True)

    op.create_table(
        "holds",
        sa.Column("attempt", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open", "settled", "released", name="holdstate", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id_accounts")),
        sa.PrimaryKeyConstraint("attempt", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_run_id", ["run_id"], unique=False)

    op.create_table(
        "productions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_productions_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_productions")),
    )
    with op.batch_alter_table("productions", schema=None) as batch_op:
        batch_op.create_index("uq_productions_account_id_name", ["account_id", "name"], unique=True)

    op.create_table(
        "references",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("object_key", sa.String(length=300), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "preparing",
                "ready",
                "refused",
                name="referencestate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("measured", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("normalised_key", sa.String(length=300), nullable=True),
        sa.Column("normalised_mime", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_references_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_references")),
    )
    with op.batch_alter_table("references", schema=None) as batch_op:
        batch_op.create_index("ix_references_state", ["state", "lease_until"], unique=False)
        batch_op.create_index("uq_references_account_id_sha256", ["account_id", "sha256"], unique=True)

    op.create_table(
        "transfers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "clone", "design", "speech", name="transferkind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.String(length=64), nullable=False),
        sa.Column("debit", sa.String(length=40), nullable=False),
        sa.Column("credit", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("estimate", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("subject", sa.String(length=40), nullable=True),
        sa.Column("chars", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_transfers_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index("ix_transfers_account_id_id", ["account_id", "id"], unique=False)
        batch_op.create_index("ix_transfers_run_id", ["run_id"], unique=False)
        batch_op.create_index("uq_transfers_kind_attempt", ["kind", "attempt"], unique=True)

    op.create_table(
        "lines",
        sa.Column("production_id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("extras", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("voice_key", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["production_id"], ["productions.id"], name=op.f("fk_lines_production_id_productions")),
        sa.PrimaryKeyConstraint("production_id", "line_id", name=op.f("pk_lines")),
    )
    with op.batch_alter_table("lines", schema=None) as batch_op:
        batch_op.create_index("ix_lines_fingerprint", ["fingerprint"], unique=False)
        batch_op.create_index("ix_lines_production_id_position", ["production_id", "position"], unique=False)

    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("production_id", sa.String(length=40), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "done",
                "partial",
                "stopped",
                name="runstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("estimate", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_runs_account_id_accounts")),
        sa.ForeignKeyConstraint(["production_id"], ["productions.id"], name=op.f("fk_runs_production_id_productions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index("ix_runs_account_id_id", ["account_id", "id"], unique=False)
        batch_op.create_index("ix_runs_state", ["state"], unique=False)

    op.create_table(
        "voices",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "cloned", "designed", "system", name="voicekind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "wanted",
                "making",
                "ready",
                "failed",
                "unclear",
                name="voicestate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("problem", sa.String(length=40), nullable=True),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("provider_voice_id", sa.String(length=256), nullable=True),
        sa.Column("reference_id", sa.String(length=40), nullable=True),
        sa.Column("consent_id", sa.String(length=40), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("gender", sa.String(length=8), nullable=True),
        sa.Column("age_group", sa.String(length=16), nullable=True),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("spoke_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'ready') = (provider_voice_id IS NOT NULL)", name=op.f("ck_voices_ready_has_voice_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_voices_account_id_accounts")),
        sa.ForeignKeyConstraint(["consent_id"], ["consents.id"], name=op.f("fk_voices_consent_id_consents")),
        sa.ForeignKeyConstraint(["reference_id"], ["references.id"], name=op.f("fk_voices_reference_id_references")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_voices_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voices")),
    )
    with op.batch_alter_table("voices", schema=None) as batch_op:
        batch_op.create_index("ix_voices_reference_id", ["reference_id"], unique=False)
        batch_op.create_index("ix_voices_state", ["state"], unique=False)
        batch_op.create_index("uq_voices_account_id_key", ["account_id", "provider", "key"], unique=True)
        batch_op.create_index(
            "uq_voices_provider_voice_id",
            ["provider", "provider_voice_id"],
            unique=True,
            sqlite_where=sa.text("kind <> 'system'"),
            postgresql_where=sa.text("kind <> 'system'"),
        )

    op.create_table(
        "attempts",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("voice_id", sa.String(length=40), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "cloned", "designed", "system", name="voicekind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("forced", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "reserved",
                "sending",
                "ambiguous",
                "succeeded",
                "rejected",
                "released",
                "operator",
                name="attemptstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("balance_before", sa.BigInteger(), nullable=True),
        sa.Column("provider_voice_id", sa.String(length=256), nullable=True),
        sa.Column("error_kind", sa.String(length=40), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'succeeded') = (provider_voice_id IS NOT NULL)", name=op.f("ck_attempts_succeeded_has_voice_id")
        ),
        sa.CheckConstraint("state <> 'sending' OR lease_until IS NOT NULL", name=op.f("ck_attempts_sending_has_lease")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_attempts_account_id_accounts")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempts_run_id_runs")),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"], name=op.f("fk_attempts_voice_id_voices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index("ix_attempts_state", ["state", "lease_until"], unique=False)
        batch_op.create_index("ix_attempts_voice_id", ["voice_id"], unique=False)
        batch_op.create_index(
            "uq_attempts_live",
            ["account_id", "provider", "model", "subject"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('rejected', 'released') AND forced = 0"),
            postgresql_where=sa.text("state NOT IN ('rejected', 'released') AND forced = 0"),
        )
        batch_op.create_index("uq_attempts_provider_voice_id", ["provider", "provider_voice_id"], unique=True)

    op.create_table(
        "takes",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("line", "audition", name="takekind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("voice_id", sa.String(length=40), nullable=False),
        sa.Column("consent_id", sa.String(length=40), nullable=True),
        sa.Column("production_name", sa.String(length=64), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=24), nullable=False),
        sa.Column("speed", sa.Double(), nullable=True),
        sa.Column("estimate", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "ready",
                "dispatched",
                "speaking",
                "done",
                "failed",
                "blocked",
                name="takestate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("error_kind", sa.String(length=40), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=300), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("chars", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("content_type", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state <> 'done' OR object_key IS NOT NULL", name=op.f("ck_takes_done_has_object")),
        sa.CheckConstraint("state <> 'speaking' OR lease_until IS NOT NULL", name=op.f("ck_takes_speaking_has_lease")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_takes_account_id_accounts")),
        sa.ForeignKeyConstraint(["consent_id"], ["consents.id"], name=op.f("fk_takes_consent_id_consents")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_takes_run_id_runs")),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"], name=op.f("fk_takes_voice_id_voices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takes")),
    )
    with op.batch_alter_table("takes", schema=None) as batch_op:
        batch_op.create_index("ix_takes_due", ["state", "not_before", "priority", "id"], unique=False)
        batch_op.create_index("ix_takes_voice_id_state", ["voice_id", "state"], unique=False)
        batch_op.create_index("uq_takes_account_id_fingerprint", ["account_id", "fingerprint"], unique=True)

    op.create_table(
        "run_takes",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("take_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_takes_run_id_runs")),
        sa.ForeignKeyConstraint(["take_id"], ["takes.id"], name=op.f("fk_run_takes_take_id_takes")),
        sa.PrimaryKeyConstraint("run_id", "take_id", name=op.f("pk_run_takes")),
    )
    with op.batch_alter_table("run_takes", schema=None) as batch_op:
        batch_op.create_index("ix_run_takes_take_id", ["take_id"], unique=False)
    for statement in append_only("transfers", op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "run_takes",
        "takes",
        "attempts",
        "voices",
        "runs",
        "lines",
        "transfers",
        "references",
        "productions",
        "holds",
        "consents",
        "budgets",
        "api_keys",
        "slots",
        "price_lists",
        "paces",
        "instances",
        "accounts",
    ):
        op.drop_table(table)
