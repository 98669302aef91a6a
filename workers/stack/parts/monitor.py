"""Flower, as a part of the stack."""

import secrets

from workers.stack.flower import flower_argv, flower_environment
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.ports import LOOPBACK
from workers.stack.probes import HttpProbe

FLOWER = (
    *("workers.app", "kombu.transport.redis", "celery.app.control", "celery.bin.base"),
    *("flower.command", "flower.urls", "tornado.platform.asyncio"),
)


class Flower:
    """Shows operators what the workers do."""

    name = "flower"
    provides = frozenset({"flower_url", "flower_password"})

    def needed(self, ground: Ground) -> bool:
        """Run it unless the user's is elsewhere."""
        return not ground.stated("flower_url")

    def facts(self, ground: Ground) -> dict[str, str]:
        """Return its URL, and a password made at the first start."""
        return {
            "flower_url": f"http://{LOOPBACK}:{_port(ground)}",
            "flower_password": ground.value("flower_password") or secrets.token_urlsafe(18),
        }

    def part(self, ground: Ground, facts: dict[str, str]) -> Part:
        """Return the server; `/healthcheck` is the one page that asks for no password."""
        return Part(
            self.name,
            flower_argv(ground.settings, port=_port(ground)),
            HttpProbe(_port(ground), "/healthcheck"),
            environment=flower_environment(facts["flower_password"]),
            preload=FLOWER,
            starts_after=("valkey",),
            url=facts["flower_url"],
            fix="Read its log.",
        )


def _port(ground: Ground) -> int:
    stated = ground.settings.flower_port
    return ground.ports.stated("CALLSHEET_FLOWER_PORT", stated) if stated else ground.ports.choose("flower")
