"""Bring a database up to the schema of this version: `python -m pipeline.db.migrate`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.db.engine import Database
from pipeline.settings import load_settings

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def upgrade(database: Database) -> None:
    """Run the migrations that are missing; harmless where none is."""
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Tell whether the database has the schema of this version."""
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def main() -> None:
    """Upgrade the database the settings name."""
    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sqlalchemy_url)
    upgrade(database)
    database.close()


if __name__ == "__main__":
    main()
