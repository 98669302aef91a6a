from contextlib import ExitStack

import pytest

from pipeline.sandbox.errors import SandboxError
from pipeline.sandbox.limits import Limiter
from pipeline.sandbox.prices import MODELS
from pipeline.sandbox.tiers import PUBLIC_TIERS, Tier

HD, TURBO, ELEVEN = (MODELS[name] for name in ("minimax-speech-hd", "minimax-speech-turbo", "eleven-v3"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("tier", PUBLIC_TIERS, ids=lambda tier: tier.name)
def test_the_last_request_of_a_minute_passes_and_the_next_waits_for_the_first_to_age(tier: Tier) -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(tier.rpm):
        limiter.count_request("ann", tier)
    clock.now += 48.5
    with pytest.raises(SandboxError) as refusal:
        limiter.count_request("ann", tier)
    assert refusal.value.status == 429
    assert refusal.value.headers == {"Retry-After": "12"}
    assert f"({tier.rpm} requests/minute)" in refusal.value.message
    clock.now += 12
    limiter.count_request("ann", tier)


def test_a_refused_request_does_not_count() -> None:
    limiter, tier = Limiter(Clock()), PUBLIC_TIERS[0]
    for _ in range(tier.rpm):
        limiter.count_request("ann", tier)
    with pytest.raises(SandboxError):
        limiter.count_request("ann", tier)
    assert limiter.used("ann") == tier.rpm
    limiter.count_request("bob", tier)


def test_each_model_has_requests_of_its_own() -> None:
    limiter, tier = Limiter(Clock()), PUBLIC_TIERS[0]
    for _ in range(tier.model_rpm):
        with limiter.slot("ann", tier, HD):
            pass
    with pytest.raises(SandboxError, match="minimax-speech-hd"), limiter.slot("ann", tier, HD):
        pass
    with limiter.slot("ann", tier, TURBO):
        pass


@pytest.mark.parametrize("tier", PUBLIC_TIERS, ids=lambda tier: tier.name)
def test_calls_in_flight_are_capped_for_each_provider_and_free_again_when_they_end(tier: Tier) -> None:
    limiter = Limiter(Clock())
    with ExitStack() as flight:
        for _ in range(tier.audio):
            flight.enter_context(limiter.slot("ann", tier, HD))
        with pytest.raises(SandboxError) as refusal, limiter.slot("ann", tier, TURBO):
            pass
        assert refusal.value.status == 429
        assert refusal.value.headers == {"Retry-After": "1"}
        flight.enter_context(limiter.slot("ann", tier, ELEVEN))
        assert limiter.in_flight() == {"ann/minimax": tier.audio, "ann/elevenlabs": 1}
    with limiter.slot("ann", tier, HD):
        pass
    assert limiter.in_flight() == {}


def test_a_call_that_fails_gives_its_place_back() -> None:
    limiter, tier = Limiter(Clock()), PUBLIC_TIERS[0]
    with pytest.raises(ZeroDivisionError), limiter.slot("ann", tier, HD):
        raise ZeroDivisionError
    with limiter.slot("ann", tier, HD):
        pass
