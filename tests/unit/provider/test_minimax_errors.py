"""MiniMax's table, row by row, without a network."""

from functools import partial

import httpx
import pytest

from pipeline.provider import calls
from pipeline.provider.calls import Call
from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    ContentBlocked,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)
from pipeline.provider.minimax_errors import ANSWERS

classify = partial(calls.classify, ANSWERS)

DOCUMENTED: dict[type[ProviderError], tuple[int, ...]] = {
    RateLimited: (1002, 2045, 1039, 1041),
    AccountBlocked: (1004, 2049, 1008, 2056, 1028, 1030, 2061, 2038),
    ContentBlocked: (1026, 1027),
    Refused: (1042, 1043, 1044, 2013, 20132, 2037, 2048),
    VoiceGone: (2042, 2054),
}
FAILED = (1000, 1001, 1013, 1024, 1033)


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize(
    ("meaning", "code"), [(meaning, code) for meaning in DOCUMENTED for code in DOCUMENTED[meaning]]
)
def test_a_documented_refusal_means_the_same_everywhere(call: Call, meaning: type[ProviderError], code: int) -> None:
    assert classify(call, status=200, code=str(code)) is meaning


@pytest.mark.parametrize("code", [*FAILED, 2039, 9999, None])
def test_what_is_no_refusal_leaves_a_voice_in_doubt_and_the_rest_to_be_asked_again(code: int | None) -> None:
    number = None if code is None else str(code)
    meanings = {call: classify(call, status=200, code=number) for call in Call}

    assert meanings == {
        Call.CLONE: Ambiguous,
        Call.DESIGN: Ambiguous,
        Call.UPLOAD: SafeRetry,
        Call.SPEECH: ProviderFailed,
        Call.READ: ProviderFailed,
    }


@pytest.mark.parametrize("status", [301, 404, 409, 500, 502, 503, 504])
def test_a_status_from_before_the_service_proves_nothing_about_a_voice(status: int) -> None:
    assert classify(Call.CLONE, status=status) is Ambiguous
    assert classify(Call.SPEECH, status=status) is ProviderFailed


def test_refusals_by_status_mean_what_they_always_mean() -> None:
    assert {classify(Call.CLONE, status=status) for status in (401, 402, 403)} == {AccountBlocked}
    assert {classify(Call.CLONE, status=status) for status in (400, 413, 415, 422)} == {Refused}
    assert classify(Call.CLONE, status=429) is RateLimited


def test_a_transport_failure_leaves_a_free_clone_in_doubt_too() -> None:
    assert classify(Call.CLONE, failure=httpx.ReadTimeout) is Ambiguous
    assert classify(Call.CLONE, failure=httpx.ConnectError) is NotSent
    assert classify(Call.UPLOAD, failure=httpx.ReadTimeout) is SafeRetry
