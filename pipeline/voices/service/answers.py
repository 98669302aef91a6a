"""Answers on this machine's disk: what a paid call brought, kept before the database is asked to record it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.errors import EnvironmentFault
from pipeline.provider import errors
from pipeline.provider.errors import ProviderError
from pipeline.provider.port import Capabilities, Cost, VoiceResult
from pipeline.storage.spool import Spool
from pipeline.voices.rules import Move, verdict
from pipeline.voices.service.sending import Claim
from pipeline.voices.service.settling import settle

Transaction = Callable[[], AbstractContextManager[Session]]

PREFIX = "try_"
"""What the ids of attempts begin with, and so the names of their answers."""
KINDS: Mapping[str, type[ProviderError]] = {
    found.kind: found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, ProviderError)
}

log = structlog.get_logger()


@dataclass(frozen=True)
class Answer:
    """What an attempt's one call brought."""

    claim: Claim
    outcome: VoiceResult | ProviderError


def keep(spool: Spool, claim: Claim, outcome: VoiceResult | ProviderError) -> None:
    """Put an answer on disk; one that proves nothing is not kept. A full disk keeps nobody from settling."""
    if isinstance(outcome, ProviderError) and verdict(outcome.kind).move is Move.DOUBT:
        return
    try:
        spool.write(claim.attempt_id, _written(claim, outcome))
    except EnvironmentFault as fault:
        log.warning("answer_not_kept", attempt=claim.attempt_id, error=fault.message)


def find(spool: Spool, attempt_id: str) -> Answer | None:
    """Return the kept answer of an attempt."""
    content = spool.read(attempt_id)
    return _read(content) if content else None


def kept(spool: Spool, *, older_than: float) -> Iterator[Answer]:
    """Return the answers that have been on disk for so many seconds: nobody is settling them."""
    for entry in spool.entries(PREFIX, older_than=older_than):
        answer = _read(entry.content)
        if answer is None:
            log.error("answer_unreadable", name=entry.name, age_seconds=round(entry.age_seconds))
        else:
            yield answer


def record(write: Transaction, spool: Spool, answer: Answer, *, capabilities: Capabilities) -> None:
    """Settle an attempt by its answer, and forget the copy on disk once the database has it; harmless twice."""
    with write() as session:
        settle(session, answer.claim, answer.outcome, capabilities=capabilities)
    crash.here("result_committed")
    spool.remove(answer.claim.attempt_id)


def _written(claim: Claim, outcome: VoiceResult | ProviderError) -> bytes:
    if isinstance(outcome, VoiceResult):
        said: dict[str, Any] = {"made": asdict(outcome)}
    else:
        named = ("message", "http_status", "provider_code", "retry_after", "request_id", "charged_micros", "raw")
        said = {"missed": {"kind": outcome.kind, **{name: getattr(outcome, name) for name in named}}}
    return json.dumps({"attempt": claim.attempt_id, "fence": claim.fence, **said}).encode()


def _read(content: bytes) -> Answer | None:
    try:
        said = json.loads(content)
        claim = Claim(said["attempt"], said["fence"])
        if "made" in said:
            made = said["made"]
            return Answer(claim, VoiceResult(**{**made, "cost": Cost(**made["cost"])}))
        missed = dict(said["missed"])
        return Answer(claim, KINDS[missed.pop("kind")](missed.pop("message"), **missed))
    except (ValueError, KeyError, TypeError):
        return None
