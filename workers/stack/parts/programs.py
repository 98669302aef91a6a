"""Callsheet's own programs: each is a Python module run on its own."""

import secrets
import sys

from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.ports import LOOPBACK
from workers.stack.probes import FileProbe, HttpProbe

HEALTH, METRICS = "/v1/health", "/metrics"
READY_FILE = "CALLSHEET_READY_FILE"
"""The variable that names the file a worker writes once it takes work."""

ROWS = (
    "workers.relay",
    "workers.serving.ground",
    "workers.serving.logs",
    "sqlite3",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "httpcore",
    "sqlalchemy.orm:configure_mappers",
    "pipeline.provider.exchange:trust",
)
TASKS = (
    *("celery.apps.worker", "celery.worker.consumer", "celery.worker.control", "celery.concurrency.thread"),
    *("workers.serving.following", "workers.serving.threads"),
    *("workers.tasks.references", "workers.tasks.voices", "workers.tasks.speech"),
)
MESSAGES = ("kombu.transport.redis", "workers.serving.metrics", "workers.serving.watch", "workers.serving.endpoint")
HTTP = ("fastapi", "uvicorn", "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.loops.asyncio")
BUCKET = ("pipeline.storage.s3:warm_up",)
"""What several programs need in memory. Nothing here starts a thread or opens a connection (a test looks)."""

SANDBOX_USER = "callsheet"
STOP_MARGIN_SECONDS = 10.0


class Migration:
    """Brings the database to the newest schema, before anything reads it."""

    name = "migrate"
    provides: frozenset[str] = frozenset()

    def needed(self, _ground: Ground) -> bool:
        """Run it for every database."""
        return True

    def facts(self, _ground: Ground) -> dict[str, str]:
        """Return nothing: the database's URL follows from the settings."""
        return {}

    def part(self, _ground: Ground, _facts: dict[str, str]) -> Part:
        """Return the step."""
        return Part(
            self.name,
            _module("pipeline.db.migrate", "upgrade"),
            probe=None,
            grace=30.0,
            fix="Read its log; is CALLSHEET_DATABASE_URL right, and does the database answer?",
        )


class Sandbox:
    """The local Kyma."""

    name = "sandbox"
    provides = frozenset({"sandbox_url", "sandbox_api_key"})

    def needed(self, ground: Ground) -> bool:
        """Run it where the sandbox speaks, unless the user has one elsewhere."""
        return ground.settings.provider == "sandbox" and not ground.stated("sandbox_url")

    def facts(self, ground: Ground) -> dict[str, str]:
        """Return its base URL, as Kyma's is written, and the key of its one user."""
        return {
            "sandbox_url": f"http://{LOOPBACK}:{ground.ports.choose('sandbox')}/v1",
            "sandbox_api_key": ground.value("sandbox_api_key") or f"kyma-{secrets.token_hex(20)}",
        }

    def part(self, ground: Ground, facts: dict[str, str]) -> Part:
        """Return the server."""
        settings, port = ground.settings, ground.ports.choose("sandbox")
        user = f"{SANDBOX_USER}:{settings.sandbox_tier}:{settings.sandbox_balance_usd}"
        database = ground.places.home / "sandbox.db"
        return Part(
            self.name,
            _module(
                "pipeline.sandbox",
                *("--port", str(port)),
                *("--db", str(database)),
                *("--engine", settings.sandbox_engine),
                *("--bad-audio", settings.sandbox_bad_audio),
                *("--bad-audio-seed", str(settings.sandbox_bad_audio_seed)),
            ),
            HttpProbe(port, HEALTH),
            environment={"CALLSHEET_SANDBOX_KEYS": f"{facts['sandbox_api_key']}={user}"},
            preload=HTTP,
            url=facts["sandbox_url"],
            fix="Read its log; CALLSHEET_SANDBOX_ENGINE=tone runs without any voice engine.",
        )


class Api:
    """Callsheet's own HTTP API."""

    name = "api"
    provides = frozenset({"api_url"})

    def needed(self, ground: Ground) -> bool:
        """Run it unless the user's API is elsewhere."""
        return not ground.stated("api_url")

    def facts(self, ground: Ground) -> dict[str, str]:
        """Return its URL."""
        return {"api_url": f"http://{LOOPBACK}:{_port(ground)}"}

    def part(self, ground: Ground, facts: dict[str, str]) -> Part:
        """Return the server."""
        return Part(
            self.name,
            _module("workers.serving.api", str(_port(ground))),
            HttpProbe(_port(ground), HEALTH),
            preload=(*ROWS, *HTTP, *BUCKET, "pipeline.api.app"),
            stops_before=("valkey", "storage"),
            url=facts["api_url"],
            fix="Read its log.",
        )


class Worker:
    """Does the work: one Celery worker."""

    name = "worker"
    provides: frozenset[str] = frozenset()

    def needed(self, _ground: Ground) -> bool:
        """Run it always."""
        return True

    def facts(self, _ground: Ground) -> dict[str, str]:
        """Return nothing: nobody calls a worker."""
        return {}

    def part(self, ground: Ground, _facts: dict[str, str]) -> Part:
        """Return the worker; it is given the time to end calls that are paid for."""
        settings = ground.settings
        longest_call = max(settings.clone_timeout_seconds, settings.speech_timeout_seconds)
        grace, port = longest_call + STOP_MARGIN_SECONDS, settings.worker_metrics_port
        return _in_background(ground, self.name, grace, port, (*BUCKET, *TASKS))


class Sweeper:
    """Finds what is due and takes back what nobody finishes."""

    name = "sweeper"
    provides: frozenset[str] = frozenset()

    def needed(self, _ground: Ground) -> bool:
        """Run it always."""
        return True

    def facts(self, _ground: Ground) -> dict[str, str]:
        """Return nothing: nobody calls a sweeper."""
        return {}

    def part(self, ground: Ground, _facts: dict[str, str]) -> Part:
        """Return the sweeper."""
        return _in_background(ground, self.name, STOP_MARGIN_SECONDS, ground.settings.sweeper_metrics_port, ())


def _in_background(ground: Ground, name: str, grace: float, stated: int, preload: tuple[str, ...]) -> Part:
    ready = ground.places.run / f"{name}.ready"
    variable = f"CALLSHEET_{name.upper()}_METRICS_PORT"
    port = ground.ports.stated(variable, stated) if stated else ground.ports.choose(f"{name}.metrics")
    return Part(
        name,
        _module(f"workers.serving.{name}"),
        FileProbe(str(ready)),
        environment={READY_FILE: str(ready), variable: str(port)},
        preload=(*ROWS, *MESSAGES, *preload),
        stops_before=("sandbox", "valkey", "storage"),
        grace=grace,
        url=f"http://{LOOPBACK}:{port}{METRICS}",
        fix="Read its log; `callsheet doctor` checks what it needs.",
    )


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _port(ground: Ground) -> int:
    stated = ground.settings.api_port
    return ground.ports.stated("CALLSHEET_API_PORT", stated) if stated else ground.ports.choose("api")
