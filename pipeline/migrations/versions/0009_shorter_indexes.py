"""Indexes of fingerprints hold how these begin, and SQLite keeps what runs have asked for in one tree instead of two.

Fingerprints are random: an import touches a page of each of their indexes for nearly every line, and the fewer pages
there are, the less it writes. No take and no line is written anew.
"""

import sqlalchemy as sa
from alembic import op

from pipeline.db.hashes import FINGERPRINT_BEGINS
from pipeline.speech.models import tallying

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TRIGGERS = ("takes_tally_move", "run_takes_tally_ask", "run_takes_tally_drop")


def upgrade() -> None:
    _index_fingerprints(sa.text(FINGERPRINT_BEGINS))
    _write_run_takes_anew(with_rowid=False)


def downgrade() -> None:
    """Index whole fingerprints again."""
    _write_run_takes_anew(with_rowid=True)
    _index_fingerprints("fingerprint")


def _index_fingerprints(fingerprint: str | sa.TextClause) -> None:
    op.drop_index("uq_takes_account_id_fingerprint", "takes")
    op.create_index("uq_takes_account_id_fingerprint", "takes", ["account_id", fingerprint], unique=True)
    op.drop_index("ix_lines_fingerprint", "lines")
    op.create_index("ix_lines_fingerprint", "lines", [fingerprint])


def _write_run_takes_anew(*, with_rowid: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for trigger in TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger}")
    op.drop_index("ix_run_takes_take_id", "run_takes")
    op.rename_table("run_takes", "old_run_takes")
    op.create_table(
        "run_takes",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("take_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_takes_run_id_runs")),
        sa.ForeignKeyConstraint(["take_id"], ["takes.id"], name=op.f("fk_run_takes_take_id_takes")),
        sa.PrimaryKeyConstraint("run_id", "take_id", name=op.f("pk_run_takes")),
        sqlite_with_rowid=with_rowid,
    )
    columns = "run_id, take_id, reason, cancelled_at"
    op.execute(f"INSERT INTO run_takes ({columns}) SELECT {columns} FROM old_run_takes ORDER BY run_id, take_id")  # noqa: S608 - the names are ours
    op.drop_table("old_run_takes")
    op.create_index("ix_run_takes_take_id", "run_takes", ["take_id"])
    for statement in tallying("sqlite"):
        op.execute(statement)
