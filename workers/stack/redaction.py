"""What Flower may know: which task ran for which row, when, where and how it ended. No text and no secret.

Flower's `format_task` covers its pages alone: the REST API, the search and the saved state show what it leaves out.
So events are stripped before Flower keeps them.
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from flower.events import EventsState
from flower.views.monitor import Metrics
from tornado.web import authenticated

HIDDEN = "(hidden)"
ROW_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
EXCEPTION_CLASS = re.compile(r"[A-Za-z_][\w.]*(?=\()")
NOTHING = (None, "", "None", "{}")


def shown_args(args: object) -> str:
    """Return a task's arguments as they came if all of them are row ids or whole numbers."""
    text = str(args or "()")
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return HIDDEN
    return text if isinstance(found, tuple | list) and all(map(_is_id, found)) else HIDDEN


def shown_exception(exception: object) -> str:
    """Return what was raised without what it says: the class alone."""
    name = EXCEPTION_CLASS.match(str(exception))
    return f"{name[0]}{HIDDEN}" if name else HIDDEN


SHOWN: Mapping[str, Callable[[object], str]] = {
    "args": shown_args,
    "kwargs": lambda _: HIDDEN,
    "result": lambda _: HIDDEN,
    "exception": shown_exception,
    "traceback": lambda _: HIDDEN,
}


def redacted(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without what a task was told, answered or said."""
    shown = dict(event)
    for name, show in SHOWN.items():
        if shown.get(name) not in NOTHING:
            shown[name] = show(shown[name])
    return shown


def format_task(task: Any) -> Any:  # noqa: ANN401 - Celery's Task state has no annotations
    """Strip a task that an earlier Flower has saved; Flower calls this with a copy before it shows a task."""
    for name, value in redacted({name: getattr(task, name, None) for name in SHOWN}).items():
        setattr(task, name, value)
    return task


def strip_events() -> None:
    """Make Flower keep stripped events only."""
    keep = EventsState.event

    def event(state: EventsState, event: Mapping[str, Any]) -> None:
        keep(state, redacted(event))

    EventsState.event = event


def close_metrics() -> None:
    """Put `/metrics` behind the password, as all else is; Flower leaves it open."""
    Metrics.get = authenticated(Metrics.get)


def _is_id(item: object) -> bool:
    return isinstance(item, int) or (isinstance(item, str) and bool(ROW_ID.fullmatch(item)))
