"""Who calls the API: in process, through the same stack of handlers as over a socket."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select

from pipeline.db.engine import Database
from pipeline.schema import metadata
from tests.support.stage import Stage

Json: TypeAlias = dict[str, Any]
HOST = "http://api.invalid"

CAST = """\
production: game
title: The Game
model: stage-hd
format: wav
talents:
  mara:
    reference: references/mara.wav
    consent: {synthetic: true, statement: Nobody's voice.}
characters:
  MARA: {voice: {talent: mara}}
  HERALD: {voice: {system: narrator}}
lines: lines.csv
"""
LINES = "id,character,text\nopen_1,MARA,Who goes there?\nopen_2,HERALD,Nobody.\nopen_3,HERALD,Nobody.\n"
FILES: Mapping[str, bytes] = {
    "cast.yaml": CAST.encode(),
    "lines.csv": LINES.encode(),
    "references/mara.wav": b"mara",
}
RECORDINGS = ("references/mara.wav",)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Caller:
    """Somebody with a key, or without one."""

    app: FastAPI
    stage: Stage
    key: str | None = None
    account_id: str = ""

    def get(self, path: str, **params: object) -> httpx.Response:
        return self.send("GET", path, params={name: str(value) for name, value in params.items()})

    def post(self, path: str, body: object) -> httpx.Response:
        return self.send("POST", path, json=body)

    def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        headers |= content.pop("headers", {})

        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as client:
                return await client.request(method, path, **content)

        return asyncio.run(answer())

    def plan(self, files: Mapping[str, bytes] = FILES, *, path: str = "", **change: object) -> httpx.Response:
        """Ask for a plan of a project's files, or for what else is told of it at a path below."""
        documents = {path: base64.b64encode(body).decode() for path, body in files.items() if path not in RECORDINGS}
        references = {path: sha256(files[path]) for path in RECORDINGS if path in files}
        return self.post(
            f"/v1/plans{path}", {"project": "cast.yaml", "documents": documents, "references": references} | change
        )

    def upload(self, files: Mapping[str, bytes] = FILES) -> None:
        """Send a project's files to the bucket, by the forms that the API gives."""
        by_hash = {sha256(body): body for body in files.values()}
        wanted = [{"sha256": digest, "bytes": len(body)} for digest, body in by_hash.items()]
        for file in self.post("/v1/uploads", {"files": wanted}).json()["files"]:
            if not file["present"]:
                self.stage.store.accept_upload(file["form"]["fields"], by_hash[file["sha256"]])

    def start(self, files: Mapping[str, bytes] = FILES, **change: object) -> httpx.Response:
        """Start a run of a project's files."""
        hashes = {path: sha256(body) for path, body in files.items()}
        return self.post("/v1/runs", {"project": "cast.yaml", "files": hashes} | change)

    def started(self, files: Mapping[str, bytes] = FILES, **change: object) -> Json:
        """Upload, start, and return the run's status."""
        self.upload(files)
        answer = self.start(files, **change)
        assert answer.status_code == 201, answer.text
        status: Json = answer.json()
        return status


def error(answer: httpx.Response) -> Json:
    """Return what went wrong, from the envelope that every error comes in."""
    body = answer.json()
    assert set(body) == {"error"}, body
    told: Json = body["error"]
    assert {"code", "message", "hint"} <= set(told)
    assert told["message"]
    assert answer.is_error
    return told


def rows(database: Database) -> dict[str, int]:
    """Count the rows of every table."""
    with database.read() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
