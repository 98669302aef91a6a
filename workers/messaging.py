"""What Celery sends and receives through, made steady and thrifty: a message is a hint, and costs no more than one."""

from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, redis

RECONNECT_SECONDS = 2.0
"""Between two tries to reach a broker that is away."""


class ThriftyChannel(redis.Channel):
    """Keeps its client: one is made for every command otherwise, at ten per cent of what a worker costs."""

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's own
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call] # no annotations
        pool, kept = self.pool, getattr(self, "_kept_client", None)
        if kept is None or kept.connection_pool is not pool:
            kept = self._kept_client = super()._create_client()  # type: ignore[no-untyped-call] # as above
        return kept

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's own
        """Strike a receipt out, where there is one."""
        if delivery_tag in self.qos._delivered:  # noqa: SLF001 - kombu asks for it by no other name
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call] # as above


class ThriftyTransport(redis.Transport):
    """Redis through such channels."""

    Channel = ThriftyChannel


# By name, for the connections of pools too, whose class is kombu's.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{ThriftyTransport.__name__}"))


class SteadyConnection(Connection):
    """Tries again at an even pace: kombu's own pauses grow to 30 s, for which a worker stands idle beside its work."""

    def ensure_connection(self, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu's own arguments
        """Connect, however long the broker is away."""
        pace = {"interval_start": RECONNECT_SECONDS, "interval_step": 0, "interval_max": RECONNECT_SECONDS}
        return super().ensure_connection(*given, **pace | options)  # type: ignore[no-untyped-call] # no annotations


class SteadyAMQP(AMQP):  # type: ignore[misc] # no annotations
    """Celery's messaging, over such connections."""

    Connection = SteadyConnection

    def TaskConsumer(self, *given: Any, **options: Any) -> Any:  # noqa: ANN401, N802 - Celery's own
        """Take messages without a receipt.

        A receipt would be written and struck out for each, for nobody to look at: a message that is lost is sent again
        because its row says so, and one that is brought back by its receipt would be sent twice.
        """
        return super().TaskConsumer(*given, **options, no_ack=True)
