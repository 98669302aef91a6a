"""One line as a script of one's own would make it: two transactions, one call, one object. No money, no retry."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

import boto3
import httpx
from botocore.config import Config
from sqlalchemy import text

from pipeline.db.engine import Database

PREFIX = "BENCH_"
CONNECTIONS = 64
TABLE = (
    "CREATE TABLE IF NOT EXISTS bench_lines"
    " (id INTEGER PRIMARY KEY, text VARCHAR(200), state VARCHAR(10), fence INTEGER, size INTEGER, sha256 VARCHAR(64))"
)
ADD = "INSERT INTO bench_lines (id, text, state, fence) VALUES (:id, :text, 'ready', 0)"
CLAIM = "UPDATE bench_lines SET state = 'speaking', fence = fence + 1 WHERE id = :id AND state = 'ready' RETURNING text"
CLAIM_AGAIN = CLAIM.replace("state = 'ready'", "state <> 'done'")
"""Where messages decide, a line that was begun is begun again when its message comes again."""
SETTLE = "UPDATE bench_lines SET state = 'done', size = :size, sha256 = :sha256 WHERE id = :id AND state = 'speaking'"
COUNT = "SELECT count(*) FROM bench_lines WHERE state = 'done' AND id >= :first AND id < :past"


@dataclass(frozen=True)
class Address:
    """Where everything is that an errand needs, as the environment hands it from process to process."""

    provider_url: str
    database_url: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    bucket: str
    broker_url: str
    threads: int

    def environment(self) -> Mapping[str, str]:
        """Return the variables that say it."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in vars(self).items()}

    @classmethod
    def told(cls) -> "Address":
        """Read the variables."""
        said = {name: os.environ[f"{PREFIX}{name.upper()}"] for name in cls.__dataclass_fields__ if name != "threads"}
        return cls(**said, threads=int(os.environ[f"{PREFIX}THREADS"]))


class Errands:
    """Speaks lines; its connections are shared by the threads of a process."""

    def __init__(self, address: Address, *, again: bool = False) -> None:
        self._claim = CLAIM_AGAIN if again else CLAIM
        self._bucket = address.bucket
        self._database = Database(address.database_url, pool_size=16)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=3)
        self._http = httpx.Client(
            base_url=address.provider_url,
            headers={"Authorization": "Bearer stub"},
            timeout=httpx.Timeout(60, connect=5),
            limits=limits,
            trust_env=False,
        )
        self._s3 = boto3.client(
            "s3",
            endpoint_url=address.s3_endpoint,
            aws_access_key_id=address.s3_access_key,
            aws_secret_access_key=address.s3_secret_key,
            region_name="us-east-1",
            config=Config(max_pool_connections=CONNECTIONS, s3={"addressing_style": "path"}),
        )

    def speak(self, line: int) -> None:
        """Claim a line, have it spoken, store it and settle it."""
        with self._database.write() as session:
            words = session.scalar(text(self._claim), {"id": line})
        if words is None:
            return
        said = {"model": "minimax-speech-hd", "input": words, "voice_id": "English_Pilot", "response_format": "mp3"}
        answer = self._http.post("/v1/audio/speech", json=said).raise_for_status()
        sha256 = hashlib.sha256(answer.content).hexdigest()
        key = f"bench/{sha256[:2]}/{line}-{os.getpid()}.mp3"
        self._s3.put_object(
            Bucket=self._bucket, Key=key, Body=answer.content, ContentType="audio/mpeg", IfNoneMatch="*"
        )
        with self._database.write() as session:
            session.execute(text(SETTLE), {"id": line, "size": len(answer.content), "sha256": sha256})
