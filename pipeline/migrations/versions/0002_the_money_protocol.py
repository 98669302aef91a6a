"""Evidence for paid attempts, orphans, decisions, budgets of providers and productions, and the provider's account."""

import sqlalchemy as sa
from alembic import op

from pipeline.ledger.models import append_only
from pipeline.ledger.money import UNLIMITED

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IS_LIVE = "state NOT IN ('rejected', 'released', 'written_off')"
IS_ALONE = "exclusive = 1 AND state IN ('sending', 'ambiguous')"
ATTEMPT_STATES = "'reserved', 'sending', 'ambiguous', 'succeeded', 'rejected', 'released', 'operator', 'written_off'"
TRANSFER_KINDS = "'clone', 'design', 'speech', 'loss', 'refund'"


def upgrade() -> None:
    _open_new_tables()
    _allow_changes("transfers")
    _tell_productions_apart()
    _keep_evidence()
    _check("transfers", "transferkind", f"kind IN ({TRANSFER_KINDS})")
    op.create_index("ix_transfers_account_id_subject", "transfers", ["account_id", "subject"])
    _open_budgets()
    for table in ("transfers", "decisions"):
        for statement in append_only(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("what was decided and charged since cannot be told in the older schema: restore a copy")


def _open_new_tables() -> None:
    op.create_table(
        "provider_accounts",
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opening_balance", sa.BigInteger(), nullable=True),
        sa.Column("opening_committed", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("blocked_at", sa.BigInteger(), nullable=True),
        sa.Column("blocked_kind", sa.String(length=40), nullable=True),
        sa.Column("blocked_message", sa.String(length=500), nullable=True),
        sa.Column("needs", sa.BigInteger(), nullable=False),
        sa.Column("probe_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_accounts")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_decisions_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_account_id_id", "decisions", ["account_id", "id"])
    op.create_index("uq_decisions_account_id_previous", "decisions", ["account_id", "previous"], unique=True)
    op.create_table(
        "orphans",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("voice_id", sa.String(length=40), nullable=False),
        sa.Column("attempt_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("provider_voice_id", sa.String(length=256), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open", "adopted", "discarded", name="orphanstate", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_orphans_account_id_accounts")),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"], name=op.f("fk_orphans_voice_id_voices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphans")),
    )
    op.create_index("ix_orphans_account_id_state", "orphans", ["account_id", "state"])
    op.create_index("uq_orphans_provider_voice_id", "orphans", ["provider", "provider_voice_id"], unique=True)


def _tell_productions_apart() -> None:
    for table in ("holds", "transfers"):
        op.add_column(table, sa.Column("production_id", sa.String(length=40), nullable=True))
        production = f"SELECT runs.production_id FROM runs WHERE runs.id = {table}.run_id"  # noqa: S608 - named above
        op.execute(f"UPDATE {table} SET production_id = ({production})")  # noqa: S608 - the same
    op.add_column("holds", sa.Column("provider", sa.String(length=24), nullable=False, server_default=""))
    op.execute(
        "UPDATE holds SET provider = COALESCE("
        "(SELECT attempts.provider FROM attempts WHERE attempts.id = holds.attempt),"
        "(SELECT takes.provider FROM takes WHERE holds.attempt LIKE takes.id || '#%'), '')"
    )
    op.add_column("transfers", sa.Column("reverses", sa.String(length=40), nullable=True))
    op.add_column("runs", sa.Column("wasted", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("takes", sa.Column("claims", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("voices", sa.Column("lapses_at", sa.BigInteger(), nullable=True))


def _keep_evidence() -> None:
    for column in (
        sa.Column("generation", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("chosen_id", sa.String(length=256), nullable=True),
        sa.Column("exclusive", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("spent_before", sa.BigInteger(), nullable=True),
        sa.Column("estimated_before", sa.BigInteger(), nullable=True),
        sa.Column("committed_before", sa.BigInteger(), nullable=True),
        sa.Column("doubted_at", sa.BigInteger(), nullable=True),
        sa.Column("sender_ended", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("checks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("verdict", sa.String(length=40), nullable=True),
    ):
        op.add_column("attempts", column)
    op.execute("UPDATE attempts SET doubted_at = settled_at WHERE state IN ('ambiguous', 'operator')")
    op.execute("UPDATE attempts SET verdict = 'unknown' WHERE state = 'operator'")
    op.drop_index("uq_attempts_live", "attempts")
    _check("attempts", "attemptstate", f"state IN ({ATTEMPT_STATES})")
    _create_partial("uq_attempts_live", ["account_id", "provider", "model", "subject", "forced"], IS_LIVE)
    _create_partial("uq_attempts_in_the_making", ["provider"], IS_ALONE)


def _open_budgets() -> None:
    op.add_column("budgets", sa.Column("estimated", sa.BigInteger(), nullable=False, server_default="0"))
    _check(
        "budgets",
        "not_negative",
        "spent >= 0 AND held >= 0 AND overrun >= 0 AND estimated >= 0",
        optional="account_id",
    )
    mine = "FROM transfers WHERE transfers.{column} = {owner}"
    held = "SELECT COALESCE(SUM(amount), 0) FROM holds WHERE holds.state = 'open' AND holds.{column} = {owner}"
    for owner, account, source, key, transfers, holds in (
        ("'provider:' || p.provider", "NULL", "price_lists", "provider", "credit", "provider"),
        ("p.id", "p.account_id", "productions", "id", "production_id", "production_id"),
    ):
        spent = f"SELECT COALESCE(SUM(amount), 0) {mine.format(column=transfers, owner=f'p.{key}')}"
        guessed = f"{spent} AND source = 'estimate'"
        op.execute(
            "INSERT INTO budgets (owner, account_id, cap, spent, held, overrun, estimated) "  # noqa: S608 - named above
            f"SELECT {owner}, {account}, {UNLIMITED}, ({spent}), ({held.format(column=holds, owner=f'p.{key}')}), 0, "
            f"({guessed}) FROM {source} p"
        )
    for owner in ("account_id", "run_id"):
        guessed = f"SELECT COALESCE(SUM(amount), 0) {mine.format(column=owner, owner='budgets.owner')}"
        op.execute(
            f"UPDATE budgets SET estimated = ({guessed} AND source = 'estimate') "  # noqa: S608 - named above
            f"WHERE EXISTS (SELECT 1 {mine.format(column=owner, owner='budgets.owner')})"
        )


def _check(table: str, name: str, condition: str, *, optional: str | None = None) -> None:
    """Change one CHECK, and let a column be NULL: in place, or on SQLite by copying the table."""
    check = op.f(f"ck_{table}_{name}")
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(check, type_="check")
        batch.create_check_constraint(check, condition)
        if optional:
            batch.alter_column(optional, existing_type=sa.String(length=40), nullable=True)


def _create_partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "attempts", columns, unique=True, sqlite_where=where, postgresql_where=where)


def _allow_changes(table: str) -> None:
    if _is_sqlite():
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"DROP TRIGGER {table}_refuse_{verb}")
    else:
        op.execute(f"DROP TRIGGER {table}_refuse_change ON {table}")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
