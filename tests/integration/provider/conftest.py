from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.sandbox.media import FORMATS, encode
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.support.upstreams import APIS, KEYS, ROUTES, Upstream, adapter

RATE = 24_000


@pytest.fixture(scope="session")
def recording() -> bytes:
    """Twelve seconds of buzzing syllables as MP3: enough of a voice to be cloned."""
    time = np.arange(12 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time) + 0.5, 0, 1)
    return encode((0.2 * buzz * syllables).astype(np.float32), RATE, FORMATS["mp3_44100_128"], "synthetic")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), keys=KEYS) as running:
        yield running


def upstream_of(api: str, server: RunningSandbox, recording: bytes) -> Iterator[Upstream]:
    server.control("reset", {})
    provider = adapter(api, server.base_url)
    yield Upstream(api, server, provider, recording, ROUTES[api])
    provider.close()


@pytest.fixture(params=APIS)
def upstream(request: pytest.FixtureRequest, server: RunningSandbox, recording: bytes) -> Iterator[Upstream]:
    yield from upstream_of(request.param, server, recording)


@pytest.fixture
def kyma(server: RunningSandbox, recording: bytes) -> Iterator[Upstream]:
    yield from upstream_of("kyma", server, recording)


@pytest.fixture
def minimax(server: RunningSandbox, recording: bytes) -> Iterator[Upstream]:
    yield from upstream_of("minimax", server, recording)
