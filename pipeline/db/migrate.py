"""Bring a database up to the schema of this version: `python -m pipeline.db.migrate`."""

from pathlib import Path

from sqlalchemy import inspect, text

from pipeline.db.engine import Database
from pipeline.settings import load_settings

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LOCK = 0x63616C6C
"""PostgreSQL's advisory lock for migrations: any number that nobody else takes in this database."""


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to `revision` that are missing; harmless where none is, and where others do it at once."""
    if is_current(database):
        return
    from alembic import command  # noqa: PLC0415 - a start that finds the schema current does not pay for Alembic
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        # SQLite has taken its one lock for writers. Whoever had to wait finds nothing left to do.
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found == head()


def head() -> str:
    """Return the newest revision: the number that begins the name of the last migration's file."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))


def main() -> None:
    """Upgrade the database the settings name."""
    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sqlalchemy_url)
    upgrade(database)
    database.close()


if __name__ == "__main__":
    main()
