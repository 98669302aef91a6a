"""What the safety of paid calls asks of Celery. A worker that finds anything else does not start."""

import os
from collections.abc import Iterator, Mapping

from celery import Celery

from pipeline.errors import EnvironmentFault
from pipeline.settings import PREFIX, Settings

STOP_MARGIN_SECONDS = 10.0
OTHER_BROKERS = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND")
"""Variables that Celery itself follows before it looks at the app's options."""

BINDING: Mapping[str, object] = {
    # A late-acked task runs twice after any dropped connection, and kills the worker when the broker restarts.
    "task_acks_late": False,
    # Both send the message of a killed worker once more, without looking at the row.
    "task_reject_on_worker_lost": False,
    "task_retry_on_worker_lost": False,
    # A call that is cut off when the broker goes away has been paid all the same. Celery 6 will want it on.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Fetch a message only when a thread is free: nothing unacked is held, so a broker restart harms nothing.
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    # A task over its rate waits in the worker, unacked. The provider's pace is kept in rows.
    "task_default_rate_limit": None,
    # The thread that asks for a task would make the paid call itself, inside its own transaction.
    "task_always_eager": False,
    # The database holds every outcome; a result backend would grow and could be read as truth.
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "result_backend": None,
    # A hint that cannot be sent is sent again by the sweeper; nobody waits for the broker.
    "task_publish_retry": False,
    # A message can start a task with an id and nothing else: no pickle.
    "accept_content": ["json"],
    "task_serializer": "json",
    "event_serializer": "json",
    "result_serializer": "json",
    # Half-open connections are noticed instead of waited on for ever. In seconds.
    "broker_transport_options": {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
}


def binding(settings: Settings) -> Mapping[str, object]:
    """Return the options that paid calls rest on, those included that follow from the settings."""
    longest_call = max(settings.clone_timeout_seconds, settings.speech_timeout_seconds)
    # On SIGTERM a call under way is waited for: longer than its own HTTP timeout.
    return {**BINDING, "worker_soft_shutdown_timeout": longest_call + STOP_MARGIN_SECONDS}


def refuse_unsafe(app: Celery, settings: Settings) -> None:
    """Raise `EnvironmentFault` where an option that paid calls rest on has been changed, for all tasks or for one."""
    for variable in OTHER_BROKERS:
        if os.environ.get(variable):
            raise EnvironmentFault(
                f"{variable} is set, and Celery would follow it instead of {PREFIX}BROKER_URL.",
                hint=f"Unset {variable}; set {PREFIX}BROKER_URL to use a broker of yours.",
            )
    wanted = binding(settings)
    for option, safe in wanted.items():
        if app.conf[option] != safe:
            raise _changed(option, app.conf[option], safe)
    app.loader.import_default_modules()
    for name, attribute, found, safe in _task_options(app, wanted):
        if found != safe:
            raise _changed(f"{attribute} of the task {name}", found, safe)


def _task_options(app: Celery, wanted: Mapping[str, object]) -> Iterator[tuple[str, str, object, object]]:
    """Say what each task of ours has made of the options that a task may have of its own."""
    for name, task in sorted(app.tasks.items()):
        if not name.startswith("celery."):
            for attribute, option in task.from_config:
                if option in wanted:
                    yield name, attribute, getattr(task, attribute), wanted[option]


def _changed(what: str, found: object, safe: object) -> EnvironmentFault:
    return EnvironmentFault(
        f"Celery's {what} is {found!r}; paid calls are safe only with {safe!r}.",
        hint="Remove the override; workers/binding.py says what it protects against.",
    )
