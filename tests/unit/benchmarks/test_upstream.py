"""The provider that only waits: what it allows, and what it remembers."""

import json
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.ground.provider import Calls, Upstream, running_upstream
from benchmarks.ground.upstream import Provider, Terms
from pipeline.provider.errors import RateLimited
from pipeline.provider.kyma import Kyma
from pipeline.provider.port import SpeechRequest

TERMS = Terms(latency_seconds=0.02, concurrent=2, per_minute=60_000)
SAID = {"model": "minimax-speech-hd", "input": "Hold the lantern low.", "voice_id": "x"}


def terms(provider: Provider, **change: float) -> Provider:
    provider.begin_anew(Terms(**{"latency_seconds": 1.0, "concurrent": 2, "per_minute": 60, **change}))
    return provider


@pytest.fixture
def provider() -> Provider:
    return terms(Provider(b"audio"))


def test_one_call_too_many_in_flight_is_refused_until_another_ends(provider: Provider) -> None:
    assert [provider.admit(now) for now in (0.0, 0.1, 0.2)] == [True, True, False]
    provider.finish(0.0, 1.0, SAID)
    assert provider.admit(1.0)
    assert (provider.book.peak, provider.book.refused) == (2, 1)


def test_calls_a_minute_are_counted_in_each_window(provider: Provider) -> None:
    terms(provider, concurrent=100, per_minute=12, window_seconds=10.0)
    assert [provider.admit(now) for now in (0.0, 1.0, 2.0, 9.9, 10.1)] == [True, True, False, False, True]


def test_an_answer_says_what_it_cost(provider: Provider) -> None:
    provider.admit(0.0)
    head = provider.finish(0.0, 1.0, SAID).decode()
    assert "X-Kyma-Chars-Billed: 21\r\nX-Kyma-Cost-USD: 0.002940\r\n" in head


def test_full_slots_are_a_share_of_one_and_half_of_them_a_half() -> None:
    full = Calls(Terms(1.0, 2), begun=[0, 0, 1, 1], ended=[1, 1, 2, 2], held_seconds=4.0, peak=2, refused=0)
    half = Calls(Terms(1.0, 2), begun=[0, 1], ended=[1, 2], held_seconds=2.0, peak=1, refused=0)
    assert (full.share, half.share) == (1.0, 0.5)


def test_the_pace_is_measured_between_the_first_call_and_the_last() -> None:
    calls = Calls(Terms(0.1, 2, 60), begun=[0, 2, 4], ended=[1, 3, 5], held_seconds=3.0, peak=1, refused=0)
    assert calls.pace_share == 0.5


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture
def kyma(upstream: Upstream) -> Iterator[Kyma]:
    upstream.begin(TERMS)
    adapter = Kyma(name="kyma", base_url=f"{upstream.url}/v1", api_key="stub")
    yield adapter
    adapter.close()


def test_our_own_adapter_understands_it(upstream: Upstream, kyma: Kyma) -> None:
    limits = kyma.limits()
    spoken = kyma.synthesize(SpeechRequest("minimax-speech-hd", "Hold the lantern low.", "English_Pilot", "mp3"))
    assert (limits.concurrent_calls, limits.requests_per_minute) == (2, 60_000)
    assert (spoken.cost.charged_micros, spoken.content_type, len(spoken.audio) > 40_000) == (2_940, "audio/mpeg", True)
    calls = upstream.calls(TERMS)
    assert (len(calls.ended), calls.refused, calls.held_seconds >= TERMS.latency_seconds) == (1, 0, True)


def test_our_own_adapter_understands_its_refusal(upstream: Upstream, kyma: Kyma) -> None:
    upstream.begin(Terms(0.02, 0))
    with pytest.raises(RateLimited):
        kyma.synthesize(SpeechRequest("minimax-speech-hd", "Hold.", "English_Pilot", "mp3"))


def test_new_terms_begin_anew(upstream: Upstream) -> None:
    upstream.begin(TERMS)
    httpx.post(f"{upstream.url}/v1/audio/speech", content=json.dumps(SAID)).raise_for_status()
    upstream.begin(TERMS)
    assert upstream.calls(TERMS).begun == []
