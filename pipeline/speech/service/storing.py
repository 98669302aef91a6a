"""What was spoken is kept at once: on this machine's disk, then in the bucket. What was paid for is not paid for again.

A worker that dies between the answer and the bucket, or a bucket that is away, leaves the audio in the spool; whoever
takes the take up next on this machine, or the next start of a worker, puts it where it belongs.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from pipeline.errors import EnvironmentFault
from pipeline.speech.rules import KEPT_ON_DISK, part_key
from pipeline.speech.service.attempt import Claim, Job, Missed, Spoken, Stored
from pipeline.storage.port import ObjectExists, ObjectInfo, ObjectStore, StorageError
from pipeline.storage.spool import Spool

log = structlog.get_logger()

TAKES = "take_"
"""How the names of spoken audio in the spool begin."""


@dataclass(frozen=True)
class Keeper:
    """Keeps the audio of one attempt at a take."""

    store: ObjectStore
    spool: Spool
    job: Job
    claim: Claim

    def keep(self, spoken: Spoken) -> Stored | Missed:
        """Store a take's audio with its cost and attempt; the first writer wins, a late twin keeps what is there."""
        name, job = f"{self.job.id}.{self.claim.fence}", self.job
        stored = _fresh(spoken)
        metadata = _metadata(stored, self.claim.attempt(job.id))
        on_disk = self._spool(name, job.key, spoken, metadata)
        try:
            self.store.put(job.key, spoken.audio, content_type=spoken.content_type, metadata=metadata)
        except ObjectExists:
            stored = self._twins(spoken) or stored
        except StorageError as error:
            return _unstored(error, spoken, on_disk=on_disk)
        self._drop_parts()
        return stored

    def found_part(self, number: int) -> Spoken | Missed | None:
        """Return a part that an earlier attempt has stored and paid for."""
        key = self._part_key(number)
        try:
            found = self.store.head(key)
            if found is None:
                return None
            return Spoken(self.store.get(key), found.content_type, stored_as(found, cost=0).seconds, 0, 0)
        except StorageError as error:
            return Missed("storage_away", str(error))

    def keep_part(self, number: int, spoken: Spoken) -> Spoken | Missed:
        """Store one part until all are there."""
        key, metadata = self._part_key(number), {"seconds": f"{spoken.seconds:.3f}"}
        name = self._part_name(number)
        on_disk = self._spool(name, key, spoken, metadata)
        try:
            self.store.put(key, spoken.audio, content_type=spoken.content_type, metadata=metadata)
        except ObjectExists:
            pass  # a twin has stored it as well; either serves
        except StorageError as error:
            return _unstored(error, spoken, on_disk=on_disk)
        self.spool.remove(name)
        return spoken

    def forget(self) -> None:
        """Clear the spool of an attempt whose outcome the database has."""
        self.spool.remove(f"{self.job.id}.{self.claim.fence}")

    def _spool(self, name: str, key: str, spoken: Spoken, metadata: Mapping[str, str]) -> bool:
        head = {"key": key, "content_type": spoken.content_type, "metadata": metadata}
        try:
            self.spool.write(name, json.dumps(head).encode() + b"\n" + spoken.audio)
        except EnvironmentFault as fault:  # a full disk must not keep the audio from the bucket
            log.warning("audio_not_spooled", name=name, error=fault.message)
            return False
        return True

    def _twins(self, spoken: Spoken) -> Stored | None:
        try:
            found = self.store.head(self.job.key)
        except StorageError:
            return None  # it is there all the same
        return stored_as(found, cost=spoken.cost) if found else None

    def _part_key(self, number: int) -> str:
        return part_key(self.job.account_id, self.job.fingerprint, self.job.format, number)

    def _part_name(self, number: int) -> str:
        return f"{self.job.id}.{self.claim.fence}.part{number}"

    def _drop_parts(self) -> None:
        for number in range(len(self.job.parts) if len(self.job.parts) > 1 else 0):
            with suppress(StorageError):  # what stays behind costs a little room, and the whole is stored
                self.store.delete(self._part_key(number))


def restore(spool: Spool, store: ObjectStore, take_id: str = TAKES, *, older_than: float = 0.0) -> int:
    """Put what was spoken for a take, or for any, and is on this disk only into the bucket; return how many files.

    `older_than` in seconds leaves alone what a worker may be storing at this moment. Raises `StorageError`.
    """
    restored = 0
    for entry in spool.entries(f"{take_id}." if take_id != TAKES else TAKES, older_than=older_than):
        head, _, audio = entry.content.partition(b"\n")
        told = json.loads(head)
        with suppress(ObjectExists):  # it was stored, or spoken again; what is there stays
            store.put(told["key"], audio, content_type=told["content_type"], metadata=told["metadata"])
            restored += 1
        spool.remove(entry.name)
    return restored


def stored_as(found: ObjectInfo, *, cost: int | None) -> Stored:
    """Describe the audio that lies in the bucket, as its metadata tells."""
    told = found.metadata
    return Stored(
        size=found.size,
        sha256=told.get("sha256", ""),
        content_type=found.content_type,
        seconds=float(told.get("seconds", "0")),
        cost=cost,
        chars=_number(told.get("chars")),
    )


def told_cost(found: ObjectInfo) -> int | None:
    """Return the micro-dollars the audio cost whoever stored it; None where the provider did not say."""
    return _number(found.metadata.get("cost-micros"))


def _unstored(error: StorageError, spoken: Spoken, *, on_disk: bool) -> Missed:
    return Missed(KEPT_ON_DISK if on_disk else "audio_lost", str(error), spoken.cost)


def _fresh(spoken: Spoken) -> Stored:
    digest = hashlib.sha256(spoken.audio).hexdigest()
    return Stored(len(spoken.audio), digest, spoken.content_type, spoken.seconds, spoken.cost, spoken.chars)


def _metadata(stored: Stored, attempt: str) -> dict[str, str]:
    told = {"cost-micros": stored.cost, "chars": stored.chars}
    known = {name: str(number) for name, number in told.items() if number is not None}
    return {"attempt": attempt, "seconds": f"{stored.seconds:.3f}", "sha256": stored.sha256, **known}


def _number(text: str | None) -> int | None:
    return int(text) if text else None
