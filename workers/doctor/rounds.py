"""One check after another."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from celery import Celery

from pipeline.errors import CallsheetError
from pipeline.settings import Settings
from workers.doctor import machine, services, work
from workers.doctor.finding import CheckFailed, Finding, told


class Doctor:
    """Looks at each part by itself, so that one that is away does not hide the others."""

    def __init__(self, settings: Settings, app: Celery) -> None:
        self._settings = settings
        self._app = app

    def findings(self) -> Iterator[Finding]:
        """Check one part after another."""
        for part, check in self._checks().items():
            try:
                yield Finding(part, ok=True, message=check())
            except CheckFailed as failed:
                yield Finding(part, ok=False, message=str(failed), fix=failed.fix)
            except CallsheetError as error:
                yield Finding(part, ok=False, message=error.message, fix=error.hint)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one part, the others are looked at
                yield Finding(part, ok=False, message=told(error), fix=f"Check the settings of the {part}.")

    def _checks(self) -> Mapping[str, Callable[[], str]]:
        simple = {
            "python": machine.python,
            "gate": machine.gate,
            "signing": machine.signing,
            "disk": machine.disk,
            "spool": machine.spool,
            "database": services.database,
            "clock": machine.clock,
            "bucket": services.bucket,
            "provider": services.provider,
            "breaker": services.breaker,
            "api": services.api,
            "flower": services.flower,
            "metrics": services.metrics,
            "worker": work.worker,
            "sweeper": work.sweeper,
            "doubts": work.doubts,
        }
        checks: dict[str, Callable[[], str]] = {part: partial(check, self._settings) for part, check in simple.items()}
        checks["broker"] = lambda: services.broker(self._settings, self._app)
        checks["queues"] = lambda: work.queues(self._settings, self._app)
        return {part: checks[part] for part in ORDER}


ORDER = (
    *("python", "gate", "signing", "disk", "spool", "database", "clock", "broker", "bucket", "provider", "breaker"),
    *("api", "flower", "metrics", "worker", "queues", "sweeper", "doubts"),
)
"""From the ground up: what is wrong further up often follows from what is wrong below."""
