import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.sandbox.app import create_app
from pipeline.sandbox.config import ApiKey, SandboxConfig
from tests.support.sandbox_client import ANN, BOB, Client, HummingEngine, Sandboxes, hum


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandboxes]:
    """Return a function that starts a sandbox in this process, with the options a test is about."""
    started: list[Client] = []

    def start(keys: Sequence[str] = (f"{ANN}=ann:4:50", f"{BOB}=bob:0:50"), **options: Any) -> Client:
        options = {"db": tmp_path / "sandbox.db", "keys": tuple(map(ApiKey.parse, keys))} | options
        app = create_app(SandboxConfig(**options), loader=lambda _: HummingEngine())
        transport = httpx.ASGITransport(app)
        http = httpx.AsyncClient(transport=transport, base_url="http://sandbox")
        started.append(Client(app.state.sandbox, http, asyncio.Runner()))
        return started[-1]

    yield start
    for client in started:
        client._runner.run(client._http.aclose())
        client._runner.close()
        client.box.close()


@pytest.fixture(scope="session")
def recording() -> bytes:
    return hum(12)
