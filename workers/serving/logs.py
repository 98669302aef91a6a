"""How worker, sweeper and API write their logs: names, ids and codes; no text of a script and no secret.

What is raised may quote what it stumbled over, a line of a script in the parameters of a statement, say. So an error
is told by its class and by where in our own code it was raised, and of any other value the first line alone.
"""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
LONGEST_VALUE = 300
FOREIGN = ("celery", "kombu", "amqp", "uvicorn", "alembic")
"""Their own lines are written as well; of all other libraries only warnings are."""
TOLD_BY_US = {"celery.worker.strategy": logging.WARNING, "celery.app.trace": logging.CRITICAL}
"""A task's begin and end: our own line has the row's id, and no message of an exception."""

Count = Callable[[str, str], None]


def set_up(settings: Settings, part: str, count: Count | None = None, stream: TextIO | None = None) -> None:
    """Write this process's logs to stderr, `part` in each line; `count` is told of every event and its level."""
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    named = _Named(part)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        named,
        tell_errors,
        keep_short,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _renderer(settings, out)
    structlog.configure(
        processors=[*shared, *([_Counted(count)] if count else []), render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _set_up_libraries(shared, render, out, level)


def tell_errors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what was raised by its class and the places of our own code it came through."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    event.pop("stack_info", None)
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = places(error)
    return event


def places(error: BaseException) -> list[str]:
    """Return where in our own code an error was raised, innermost last; no word of what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [(Path(frame.filename), frame) for frame in frames]
    return [
        f"{path.relative_to(ROOT)}:{frame.lineno} {frame.name}"
        for path, frame in ours
        if path.is_relative_to(ROOT / "pipeline") or path.is_relative_to(ROOT / "workers")
    ]


def keep_short(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep the first line of every text: databases and drivers name the culprit first and quote values below."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = value.partition("\n")[0][:LONGEST_VALUE]
    return event


class _Named:
    """Says which part of the stack a line is from."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["part"] = self._part
        return event


class _Counted:
    """Counts lines on their way."""

    def __init__(self, count: Count) -> None:
        self._count = count

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        self._count(str(event.get("event", "")), str(event.get("level", method)))
        return event


def _renderer(settings: Settings, out: TextIO) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)


def _set_up_libraries(shared: list[Processor], render: Processor, out: TextIO, level: int) -> None:
    handler = logging.StreamHandler(out)
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in (*FOREIGN, "pipeline", "workers"):
        logging.getLogger(name).setLevel(level)
    for name, least in TOLD_BY_US.items():
        logging.getLogger(name).setLevel(least)
