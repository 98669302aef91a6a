"""When a worker tells Flower of its tasks."""

from functools import partial
from typing import Any

from celery import bootsteps
from celery.worker.consumer.events import Events

FLUSH_SECONDS = 0.25
"""How long Flower waits for what a worker tells: the events of that time are one message."""


class EventPost(bootsteps.StartStopStep):  # type: ignore[misc] # no annotations
    """Lets a worker tell of its tasks a few times a second, not once in each turn of its loop."""

    requires = (Events,)

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """Take over when what is buffered is sent."""
        self._is_due = False
        if consumer.hub:
            consumer.event_dispatcher.on_send_buffered = partial(self._put_off, consumer)

    def _put_off(self, consumer: Any) -> None:  # noqa: ANN401 - as above
        if not self._is_due:
            self._is_due = True
            # From any thread: timers are set in the loop's own.
            consumer.hub.call_soon(consumer.timer.call_after, FLUSH_SECONDS, self._flush, (consumer,))

    def _flush(self, consumer: Any) -> None:  # noqa: ANN401 - as above
        self._is_due = False
        if consumer.event_dispatcher:
            consumer.event_dispatcher.flush()
