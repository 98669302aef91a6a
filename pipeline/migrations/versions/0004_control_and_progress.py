"""Tallies of each run's takes, the voices it needs, and what is kept of a run that is held up."""

import sqlalchemy as sa
from alembic import op

from pipeline.speech.models import IS_BAD, IS_DONE, standing, tallying

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("resumed_at", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("streak_message", sa.String(length=500), nullable=True))
    op.add_column("run_takes", sa.Column("cancelled_at", sa.BigInteger(), nullable=True))
    _create_partial("ix_takes_bad", ["run_id", "error_kind"], IS_BAD)
    _create_partial("ix_takes_done_at", ["run_id", "done_at"], IS_DONE)
    _list_voices()
    _open_tallies()


def downgrade() -> None:
    raise NotImplementedError("restore a copy of the database")


def _list_voices() -> None:
    op.create_table(
        "run_voices",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("voice_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_voices_run_id_runs")),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"], name=op.f("fk_run_voices_voice_id_voices")),
        sa.PrimaryKeyConstraint("run_id", "voice_id", name=op.f("pk_run_voices")),
    )
    op.create_index("ix_run_voices_voice_id", "run_voices", ["voice_id"])
    op.execute(
        "INSERT INTO run_voices (run_id, voice_id) SELECT DISTINCT run_takes.run_id, takes.voice_id "
        "FROM run_takes JOIN takes ON takes.id = run_takes.take_id"
    )


def _open_tallies() -> None:
    op.create_table(
        "tallies",
        *_key(),
        sa.Column("takes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "state", "cause", name=op.f("pk_tallies")),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "tally_changes",
        sa.Column("id", number, autoincrement=True, nullable=False),
        *_key(),
        sa.Column("takes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_changes")),
    )
    op.execute(
        f"INSERT INTO tallies (run_id, state, cause, takes) SELECT run_takes.run_id, {', '.join(standing('takes'))}, "  # noqa: S608 - ours
        "count(*) FROM run_takes JOIN takes ON takes.id = run_takes.take_id GROUP BY 1, 2, 3"
    )
    for statement in tallying(op.get_bind().dialect.name):
        op.execute(statement)


def _key() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
    )


def _create_partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "takes", columns, sqlite_where=where, postgresql_where=where)
