"""Dramatiq: one message a line."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from benchmarks.rivals.errand import Address, Errands

broker = RedisBroker(client=redis.Redis.from_url(os.environ["BENCH_REDIS_URL"]))
dramatiq.set_broker(broker)


@cache
def errands() -> Errands:
    """Return this process's connections."""
    return Errands(Address.told())


@dramatiq.actor(queue_name="bare")
def speak(line: int) -> None:
    """Speak one line."""
    errands().speak(line)


def sender() -> AbstractContextManager[Callable[[int], object]]:
    """Return what sends a line."""
    return nullcontext(speak.send)
