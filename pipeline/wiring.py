"""The one place that turns settings into a database, a bucket, a provider and the edge that holds them."""

from pydantic import SecretStr

from pipeline.audio import ReferenceRules
from pipeline.db.engine import Database
from pipeline.edge import Edge
from pipeline.errors import EnvironmentFault
from pipeline.flow import Publisher
from pipeline.provider.exchange import Timeouts
from pipeline.provider.kyma import Kyma
from pipeline.provider.measured import MeasuredProvider
from pipeline.provider.meter import Meter
from pipeline.provider.minimax import MiniMax
from pipeline.provider.port import Capabilities, Limits, VoiceProvider
from pipeline.settings import PREFIX, Settings
from pipeline.storage.port import ObjectStore
from pipeline.storage.s3 import S3Store
from pipeline.storage.spool import Spool

MOST_CONNECTIONS = 16
UP = "Run `callsheet up`, or set it to use a service of your own."


def database(settings: Settings) -> Database:
    """Return the database. No thread keeps a connection while it waits for the provider."""
    return Database(settings.sqlalchemy_url, pool_size=min(settings.worker_threads, MOST_CONNECTIONS))


def store(settings: Settings) -> ObjectStore:
    """Return the bucket."""
    return S3Store(
        endpoint=_required(settings.s3_endpoint, "s3_endpoint"),
        bucket=settings.s3_bucket,
        access_key=_secret(settings.s3_access_key, "s3_access_key"),
        secret_key=_secret(settings.s3_secret_key, "s3_secret_key"),
        region=settings.s3_region,
    )


def provider(settings: Settings) -> VoiceProvider:
    """Return who clones and speaks. The sandbox differs from the real ones by base URL and key alone."""
    match settings.provider:
        case "kyma":
            hint = "Set KYMA_API_KEY to the key of your Kyma account."
            url, key = settings.kyma_base_url, _secret(settings.kyma_api_key, "kyma_api_key", hint)
        case "minimax":
            hint = "Set MINIMAX_API_KEY to the key of your MiniMax account."
            url, key = settings.minimax_base_url, _secret(settings.minimax_api_key, "minimax_api_key", hint)
        case "sandbox":
            url = _required(settings.sandbox_url, "sandbox_url")
            key = _secret(settings.sandbox_api_key, "sandbox_api_key")
    name, timeouts = settings.provider_name, _timeouts(settings)
    # The sandbox is next door: what was sent to it is done or will not be, long before a service's word is final.
    lateness = settings.sandbox_lateness_seconds if settings.provider == "sandbox" else None
    if name.endswith("minimax"):
        return MiniMax(
            name=name,
            base_url=url,
            api_key=key,
            timeouts=timeouts,
            limits=_limits(settings),
            lateness_seconds=lateness,
        )
    return Kyma(name=name, base_url=url, api_key=key, timeouts=timeouts, lateness_seconds=lateness)


def _limits(settings: Settings) -> Limits:
    return Limits(
        tier="configured",
        concurrent_calls=settings.minimax_concurrent_calls,
        requests_per_minute=settings.minimax_requests_per_minute,
        model_requests_per_minute=settings.minimax_requests_per_minute,
        characters_per_minute=settings.minimax_characters_per_minute,
    )


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(speech=settings.speech_timeout_seconds, voice=settings.clone_timeout_seconds)


def reference_rules(capabilities: Capabilities) -> ReferenceRules:
    """Return what a reference must be for this provider."""
    return ReferenceRules(
        min_seconds=capabilities.reference_min_seconds,
        max_seconds=capabilities.reference_max_seconds,
        provider_max_bytes=capabilities.reference_max_bytes,
    )


def edge(settings: Settings, publisher: Publisher, meter: Meter | None = None) -> Edge:
    """Return everything a task or a request works with; `meter` is told of every call to the provider."""
    upstream = provider(settings)
    if meter is not None:
        upstream = MeasuredProvider(upstream, meter)
    return Edge(
        database=database(settings),
        store=store(settings),
        provider=upstream,
        publisher=publisher,
        reference_rules=reference_rules(upstream.capabilities()),
        speech_timeout=settings.speech_timeout_seconds,
        clone_timeout=settings.clone_timeout_seconds,
        spool=Spool(settings.spool),
        quiescence_seconds=settings.quiescence_seconds,
    )


def _required(value: str | None, name: str, hint: str = UP) -> str:
    if value is None:
        raise EnvironmentFault(f"{PREFIX}{name.upper()} is not set and no stack is running here.", hint=hint)
    return value


def _secret(value: SecretStr | None, name: str, hint: str = UP) -> str:
    return _required(value.get_secret_value() if value else None, name, hint)
