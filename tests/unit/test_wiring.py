"""Which adapter the settings choose, against whom, and with whose key."""

import pytest

from pipeline import wiring
from pipeline.errors import EnvironmentFault
from pipeline.provider.kyma import Kyma
from pipeline.provider.minimax import MiniMax
from pipeline.settings import Settings, load_settings

SANDBOX = {"sandbox_url": "http://127.0.0.1:1/v1", "sandbox_api_key": "key-ann"}


@pytest.mark.parametrize(
    ("given", "name", "adapter"),
    [
        (SANDBOX, "sandbox", Kyma),
        (SANDBOX | {"sandbox_api": "minimax"}, "sandbox-minimax", MiniMax),
        ({"provider": "kyma", "kyma_api_key": "ky-1"}, "kyma", Kyma),
        ({"provider": "minimax", "minimax_api_key": "mm-1"}, "minimax", MiniMax),
        ({"provider": "kyma", "kyma_api_key": "ky-1", "sandbox_api": "minimax"}, "kyma", Kyma),
    ],
)
def test_the_settings_choose_the_adapter_and_its_name(given: dict[str, str], name: str, adapter: type) -> None:
    settings = load_settings(**given)
    provider = wiring.provider(settings)

    assert (provider.name, type(provider)) == (name, adapter)
    assert settings.provider_name == name


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"provider": "kyma"}, "KYMA_API_KEY"),
        ({"provider": "minimax"}, "MINIMAX_API_KEY"),
        ({}, "callsheet up"),
        ({"sandbox_url": "http://127.0.0.1:1/v1"}, "callsheet up"),
    ],
)
def test_a_missing_key_or_address_names_what_to_set(given: dict[str, str], named: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        wiring.provider(load_settings(**given))

    assert named in str(caught.value.hint)


def test_minimaxs_limits_are_those_of_the_settings() -> None:
    given = {"minimax_requests_per_minute": 200, "minimax_concurrent_calls": 3}
    limits = wiring.provider(load_settings(provider="minimax", minimax_api_key="mm-1", **given)).limits()

    assert (limits.requests_per_minute, limits.concurrent_calls) == (200, 3)


def test_minimaxs_key_is_also_read_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "mm-2")

    assert Settings().minimax_api_key is not None


def test_the_sandboxs_word_is_final_sooner_than_a_services() -> None:
    near = wiring.provider(load_settings(**SANDBOX)).capabilities()
    far = wiring.provider(load_settings(provider="kyma", kyma_api_key="ky-1")).capabilities()

    assert near.lateness_seconds < far.lateness_seconds
    assert wiring.provider(load_settings(**SANDBOX, sandbox_lateness_seconds=3.0)).capabilities().lateness_seconds == 3
