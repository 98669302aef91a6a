"""What Flower may know: which task ran for which row, when, where and how it ended. No text and no secret.

Flower's `format_task` covers its pages alone: the REST API, the search and the saved state show what it leaves out.
So events are stripped before Flower keeps them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flower.events import EventsState
from flower.views.monitor import Metrics
from tornado.web import authenticated

HIDDEN = "(hidden)"
ITEM = r"(?:'[A-Za-z0-9][A-Za-z0-9_-]{0,63}'|-?[0-9]+)"
ITEMS = rf"{ITEM}(?:, {ITEM})*"
SHOWN_ARGS = re.compile(rf"\((?:{ITEMS},?)?\)|\[(?:{ITEMS})?\]")
"""Row ids and whole numbers as Python writes them; a pattern, because Flower is told of each line four times."""
EXCEPTION_CLASS = re.compile(r"[A-Za-z_][\w.]*(?=\()")
NOTHING = (None, "", "None", "{}")


def shown_args(args: object) -> str:
    """Return a task's arguments as they came if all of them are row ids or whole numbers."""
    text = str(args or "()")
    return text if SHOWN_ARGS.fullmatch(text) else HIDDEN


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
