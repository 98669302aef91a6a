"""The services: database, broker, bucket, provider, API, Flower, and the pages of metrics."""

import secrets
from typing import Any

import httpx
from celery import Celery
from kombu.exceptions import OperationalError

from pipeline import wiring
from pipeline.db.migrate import is_current
from pipeline.ledger import provider_account
from pipeline.ledger.money import dollars
from pipeline.provider.errors import ProviderError
from pipeline.settings import Settings
from pipeline.storage.port import ObjectExists, ObjectStore, StorageError
from workers.doctor.finding import CheckFailed, rows, started_anew
from workers.stack.control import Stack
from workers.stack.ports import LOOPBACK

HTTP_SECONDS = 5.0
KEEPING = "noeviction"
UNKNOWN = "unknown"


def database(settings: Settings) -> str:
    """Tell whether it answers and has this version's schema."""
    opened = wiring.database(settings)
    try:
        wrong = opened.ping()
        if wrong:
            own = settings.database_url is None
            raise CheckFailed(wrong, "Run `callsheet up`." if own else "Is it running? Check CALLSHEET_DATABASE_URL.")
        if not is_current(opened):
            raise CheckFailed("the schema is not this version's", "Run `callsheet up`, which migrates it.")
        return f"{opened.url.get_backend_name()}, schema current"
    finally:
        opened.close()


def broker(settings: Settings, app: Celery) -> str:
    """Tell whether it answers, keeps messages over a restart, and throws none away when memory is short."""
    if not settings.broker_url:
        raise CheckFailed("no broker is set", "Run `callsheet up`, or set CALLSHEET_BROKER_URL.")
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
            facts: dict[str, Any] = connection.default_channel.client.info()
    except (OperationalError, OSError) as error:
        fix = started_anew(settings, "valkey", "Is it running? Check CALLSHEET_BROKER_URL.")
        raise CheckFailed(str(error)[:200], fix) from error
    policy = facts.get("maxmemory_policy", UNKNOWN)
    if policy not in (KEEPING, UNKNOWN):
        raise CheckFailed(
            f"it may evict messages: maxmemory-policy is {policy}",
            f"Set it to {KEEPING}: a message that vanishes unseen delays its line until the sweeper finds it.",
        )
    kept = "kept over a restart" if facts.get("aof_enabled") else "lost by a restart, which costs a sweep"
    name = f"{facts.get('server_name', 'redis')} {facts.get('redis_version', '')}".strip()
    return f"{name}, eviction policy {policy}, messages {kept}"


def bucket(settings: Settings) -> str:
    """Tell whether it takes our key, and whether the first writer of an object wins."""
    try:
        store = wiring.store(settings)
        _write_twice(store, f"doctor/{secrets.token_hex(8)}")
    except StorageError as error:
        fix = started_anew(settings, "storage", "Check CALLSHEET_S3_ENDPOINT and its keys.")
        raise CheckFailed(str(error), fix) from error
    return f"{settings.s3_bucket} at {settings.s3_endpoint}, the first writer wins"


def provider(settings: Settings) -> str:
    """Tell whether it takes our key, what is left, what it allows, and whether calls are held up."""
    try:
        upstream = wiring.provider(settings)
        balance = upstream.account().balance_micros
        limits = upstream.limits()
    except ProviderError as error:
        fix = "Check the key and that the provider is within reach."
        is_ours = settings.provider == "sandbox"
        raise CheckFailed(error.message, started_anew(settings, "sandbox", fix) if is_ours else fix) from error
    if balance is not None and balance <= 0:
        raise CheckFailed(f"{upstream.name}: {dollars(balance)} left", f"Top up the account at {upstream.name}.")
    left = UNKNOWN if balance is None else dollars(balance)
    return f"{upstream.name}: {left} left, tier {limits.tier}, {limits.concurrent_calls} calls at once"


def breaker(settings: Settings) -> str:
    """Tell whether calls are held up because the provider would refuse them."""
    with rows(settings) as session:
        fault = provider_account.fault(session, settings.provider_name)
    if fault:
        raise CheckFailed(fault.message, fault.hint)
    return "calls are let through"


def api(settings: Settings) -> str:
    """Tell whether it answers, and for which provider."""
    url = settings.api_url
    if url is None:
        raise CheckFailed("no API is known", "Run `callsheet up`, or set CALLSHEET_API_URL.")
    try:
        answer = _get(f"{url}/v1/health").json()
        serving = answer["provider"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fix = started_anew(settings, "api", "Run `callsheet up`; see logs/api.log.")
        raise CheckFailed(f"{url}: {type(error).__name__}", fix) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{url}: what answers is not this API", "Check CALLSHEET_API_URL.") from error
    return f"{url}, for {serving}"


def flower(settings: Settings) -> str:
    """Tell whether the monitor answers, where one is known."""
    url = settings.flower_url
    if url is None:
        return "none is set; `callsheet up` runs one"
    try:
        _get(f"{url}/healthcheck")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fix = started_anew(settings, "flower", "Run `callsheet up`; see logs/flower.log.")
        raise CheckFailed(f"{url}: {type(error).__name__}", fix) from error
    return f"{url}, behind its password"


def metrics(settings: Settings) -> str:
    """Tell whether the pages of metrics that this machine serves answer."""
    pages = _pages(settings)
    for url in pages:
        try:
            _get(url, settings)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fix = (
                "Is its process running, and the broker, which the sweeper's page asks? Where CALLSHEET_METRICS_TOKEN"
                " is set, it has to be the same everywhere."
            )
            raise CheckFailed(f"{url}: {_what(error)}", fix) from error
    return ", ".join(pages) or "none are served here"


def _pages(settings: Settings) -> list[str]:
    if settings.api_url:
        parts = Stack(settings).state().parts
        own = [part.url for part in parts if part.url and part.url.endswith("/metrics")]
        return [f"{settings.api_url}/metrics", *own]
    ports = (settings.worker_metrics_port, settings.sweeper_metrics_port)
    return [f"http://{LOOPBACK}:{port}/metrics" for port in ports if port]


def _get(url: str, settings: Settings | None = None) -> httpx.Response:
    token = settings.metrics_token if settings else None
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    return httpx.get(url, headers=headers, timeout=HTTP_SECONDS, trust_env=False).raise_for_status()


def _what(error: Exception) -> str:
    return str(error.response.status_code) if isinstance(error, httpx.HTTPStatusError) else type(error).__name__


def _write_twice(store: ObjectStore, key: str) -> None:
    store.put(key, b"first", content_type="text/plain")
    try:
        store.put(key, b"second", content_type="text/plain")
    except ObjectExists:
        return
    finally:
        store.delete(key)
    raise CheckFailed(
        "it lets a second writer replace an object: If-None-Match is ignored",
        "Use a store that honours `If-None-Match: *` on PUT; SeaweedFS does from 4.17 on.",
    )
