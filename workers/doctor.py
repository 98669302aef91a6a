"""Checks every part the product needs, and says the fix for what is wrong."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from pipeline import wiring
from pipeline.db.clock import now_ms
from pipeline.db.engine import Database
from pipeline.db.leases import DEAD_AFTER_MS, Instance
from pipeline.db.migrate import is_current
from pipeline.errors import CallsheetError
from pipeline.ledger.money import dollars
from pipeline.provider.errors import ProviderError
from pipeline.settings import Settings
from pipeline.storage.port import StorageError

MIN_FREE_BYTES = 2_000_000_000


class CheckFailed(Exception):
    """A part is not as it should be; `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    part: str
    ok: bool
    message: str
    fix: str = ""


class Doctor:
    """Looks at each part by itself, so that one that is away does not hide the others."""

    def __init__(self, settings: Settings, app: Celery) -> None:
        self._settings = settings
        self._app = app

    def findings(self) -> Iterable[Finding]:
        """Check one part after another."""
        checks: dict[str, Callable[[], str]] = {
            "python": self._python,
            "disk": self._disk,
            "database": self._database,
            "broker": self._broker,
            "bucket": self._bucket,
            "provider": self._provider,
            "api": self._api,
            "worker": self._worker,
        }
        for part, check in checks.items():
            try:
                yield Finding(part, ok=True, message=check())
            except CheckFailed as failed:
                yield Finding(part, ok=False, message=str(failed), fix=failed.fix)
            except CallsheetError as error:
                yield Finding(part, ok=False, message=error.message, fix=error.hint)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one part, the others are looked at
                yield Finding(part, ok=False, message=_told(error), fix=f"Check the settings of the {part}.")

    def _python(self) -> str:
        return f"{sys.version.split()[0]} at {sys.prefix}"

    def _disk(self) -> str:
        home = self._settings.home.absolute()
        home = next(folder for folder in (home, *home.parents) if folder.exists())
        free = shutil.disk_usage(home).free
        if free < MIN_FREE_BYTES:
            raise CheckFailed(f"{free / 1e9:.1f} GB free", "Free some space, or set CALLSHEET_HOME to a larger disk.")
        return f"{free / 1e9:.0f} GB free in {home}"

    def _database(self) -> str:
        with _opened(self._settings) as database:
            wrong = database.ping()
            if wrong:
                own = self._settings.database_url is None
                raise CheckFailed(
                    wrong, "Run `callsheet up`." if own else "Is it running? Check CALLSHEET_DATABASE_URL."
                )
            if not is_current(database):
                raise CheckFailed("the schema is not this version's", "Run `callsheet up`, which migrates it.")
            return f"{database.url.get_backend_name()}, schema current"

    def _broker(self) -> str:
        if not self._settings.broker_url:
            raise CheckFailed("no broker is set", "Run `callsheet up`, or set CALLSHEET_BROKER_URL.")
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=2)
        except (OperationalError, OSError) as error:
            raise CheckFailed(str(error)[:200], "Is it running? Check CALLSHEET_BROKER_URL.") from error
        return "answers"

    def _bucket(self) -> str:
        try:
            wiring.store(self._settings).head("doctor")
        except StorageError as error:
            raise CheckFailed(str(error), "Check CALLSHEET_S3_ENDPOINT and its keys.") from error
        return f"{self._settings.s3_bucket} at {self._settings.s3_endpoint}"

    def _provider(self) -> str:
        try:
            provider = wiring.provider(self._settings)
            balance = provider.account().balance_micros
            limits = provider.limits()
        except ProviderError as error:
            raise CheckFailed(error.message, "Check the key and that the provider is within reach.") from error
        left = "unknown" if balance is None else dollars(balance)
        return f"{provider.name}: {left} left, tier {limits.tier}, {limits.concurrent_calls} calls at once"

    def _api(self) -> str:
        url = self._settings.api_url
        if url is None:
            raise CheckFailed("no API is known", "Run `callsheet up`, or set CALLSHEET_API_URL.")
        try:
            answer = httpx.get(f"{url}/v1/health", timeout=5, trust_env=False).raise_for_status().json()
            provider = answer["provider"]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CheckFailed(f"{url}: {type(error).__name__}", "Run `callsheet up`; see logs/api.log.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise CheckFailed(f"{url}: what answers is not this API", "Check CALLSHEET_API_URL.") from error
        return f"{url}, for {provider}"

    def _worker(self) -> str:
        alive = select(func.count()).where(Instance.beat_at > now_ms() - DEAD_AFTER_MS)
        try:
            with _opened(self._settings) as database, database.read() as session:
                count = session.scalar(alive) or 0
        except SQLAlchemyError as error:
            raise CheckFailed(f"the database cannot be asked: {_told(error)}", "See the database above.") from error
        if not count:
            raise CheckFailed("no worker is alive", "Run `callsheet up`, or `callsheet worker`.")
        return f"{count} alive"


def _told(error: Exception) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"[:200]


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    database = wiring.database(settings)
    try:
        yield database
    finally:
        database.close()
