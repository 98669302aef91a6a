"""Dramatiq: one message a line. `python -m benchmarks.rivals.dramatiq_app FIRST COUNT` sends them."""

import os
import sys
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


def main() -> None:
    """Send the messages, and write what that has cost to stdout, in CPU seconds a line."""
    first, count = map(int, sys.argv[1:])
    speak.send(first)
    before = sum(os.times()[:2])
    for line in range(first + 1, first + count):
        speak.send(line)
    sys.stdout.write(f"{(sum(os.times()[:2]) - before) / (count - 1)}\n")


if __name__ == "__main__":
    main()
