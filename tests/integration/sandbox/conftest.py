from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from pipeline.sandbox.media import FORMATS, encode
from tests.support.sandbox import RunningSandbox, running_sandbox

RATE = 24_000


@pytest.fixture(scope="session")
def reference() -> bytes:
    """Twelve seconds of buzzing syllables as MP3: enough of a voice to be cloned."""
    time = np.arange(12 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time) + 0.5, 0, 1)
    noise = 0.003 * np.random.default_rng(5).standard_normal(len(time))
    return encode((0.2 * buzz * syllables + noise).astype(np.float32), RATE, FORMATS["mp3_44100_128"], "synthetic")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    keys = {"key-ann": "ann:lab:1000", "key-bob": "bob:0:50"}
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), keys=keys) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox) -> RunningSandbox:
    """The module's process with an empty ledger."""
    server.control("reset", {})
    return server


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as client:
        yield client
