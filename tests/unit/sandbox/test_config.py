from pathlib import Path

import pytest

from pipeline.sandbox.config import ApiKey, SandboxConfig, parse_keys
from pipeline.sandbox.tiers import LAB_TIER, PUBLIC_TIERS


def test_a_key_names_its_user_tier_and_balance() -> None:
    assert ApiKey.parse("k=ann:3:12.50") == ApiKey("k", "ann", PUBLIC_TIERS[3], 12_500_000)


def test_tier_and_balance_have_defaults() -> None:
    assert ApiKey.parse("k=ann") == ApiKey("k", "ann", PUBLIC_TIERS[0], 100_000_000)


def test_keys_in_the_environment_are_separated_by_commas_or_white_space() -> None:
    assert [entry.tier for entry in parse_keys(" a=ann:lab,\n b=bob:T1 ")] == [LAB_TIER, PUBLIC_TIERS[1]]


@pytest.mark.parametrize("text", ["sekret", "sekret=", "=ann", "sekret=ann:9", "sekret=ann:0:-1", "sekret=ann:0:x"])
def test_a_wrong_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        ApiKey.parse(text)
    assert "sekret" not in str(refusal.value)


def test_a_key_does_not_show_in_the_configuration() -> None:
    assert "sekret" not in repr(SandboxConfig(Path("x.db"), (ApiKey.parse("sekret=ann"),)))


@pytest.mark.parametrize(
    ("keys", "options", "complaint"),
    [
        ((), {}, "no API key"),
        (("k=ann", "k=bob"), {}, "given twice"),
        (("a=ann:0", "b=ann:1"), {}, "two tiers"),
        (("k=ann",), {"engine": "choir"}, "unknown engine"),
        (("k=ann",), {"latency_ms": -1}, "negative"),
    ],
)
def test_what_cannot_be_served_is_refused(keys: tuple[str, ...], options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SandboxConfig(Path("x.db"), tuple(map(ApiKey.parse, keys)), **options)  # type: ignore[arg-type]
