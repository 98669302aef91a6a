"""The tables, row by row, without a network."""

from functools import partial

import httpx
import pytest

from pipeline.provider import calls, errors
from pipeline.provider.calls import ADVICE, TRANSPORT, Call
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
from pipeline.provider.kyma_errors import ANSWERS

MAKING = (Call.CLONE, Call.DESIGN)
classify = partial(calls.classify, ANSWERS)


def subclasses(root: type) -> set[type]:
    return {root}.union(*(subclasses(child) for child in root.__subclasses__() if child.__module__ == root.__module__))


ERROR_CLASSES = subclasses(ProviderError) - {ProviderError}


DOCUMENTED_AS_FREE = {400, 401, 402, 403, 413, 415, 429}


@pytest.mark.parametrize("call", MAKING)
def test_a_paid_voice_is_ambiguous_after_any_status_that_is_not_documented_as_free(call: Call) -> None:
    others = set(range(100, 600)) - DOCUMENTED_AS_FREE

    assert {classify(call, status=status) for status in others} == {Ambiguous}
    assert Ambiguous not in {classify(call, status=status) for status in DOCUMENTED_AS_FREE}


@pytest.mark.parametrize("call", MAKING)
def test_the_documented_safe_server_error_needs_its_code(call: Call) -> None:
    assert classify(call, status=500, code="ownership_write_failed") is SafeRetry
    assert classify(call, status=500, code="internal_error") is Ambiguous
    assert classify(call, status=502, code="ownership_write_failed") is Ambiguous


@pytest.mark.parametrize("call", [Call.SPEECH, Call.READ])
@pytest.mark.parametrize("status", [200, 204, 301, 404, 408, 409, 500, 502, 503, 504])
def test_speech_and_questions_may_be_asked_again_after_what_is_not_a_refusal(call: Call, status: int) -> None:
    assert classify(call, status=status, code="ownership_write_failed") is ProviderFailed


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize("code", ["insufficient_credits", "billing_error", "insufficient_balance", None, "odd"])
def test_402_blocks_the_account_whatever_its_code_is_spelled(call: Call, code: str | None) -> None:
    assert classify(call, status=402, code=code) is AccountBlocked


@pytest.mark.parametrize("call", list(Call))
def test_statuses_that_mean_the_same_everywhere(call: Call) -> None:
    assert classify(call, status=401) is AccountBlocked
    assert classify(call, status=403) is AccountBlocked
    assert classify(call, status=403, code="voice_not_owned") is VoiceGone
    assert classify(call, status=429, code="insufficient_credits") is RateLimited
    assert {classify(call, status=status) for status in (400, 413, 415)} == {Refused}
    assert classify(call, status=400, code="content_policy_violation") is ContentBlocked


@pytest.mark.parametrize("failure", sorted(subclasses(httpx.RequestError), key=lambda c: c.__name__))
def test_every_way_httpx_can_fail_is_in_the_table(failure: type[httpx.RequestError]) -> None:
    assert failure in TRANSPORT
    assert classify(Call.CLONE, failure=failure) is TRANSPORT[failure]
    assert classify(Call.SPEECH, failure=failure) is TRANSPORT[failure]


def test_only_failures_from_before_the_first_byte_count_as_not_sent() -> None:
    unsent = {failure.__name__ for failure, meaning in TRANSPORT.items() if meaning is NotSent}

    assert unsent == {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}


def test_a_failure_httpx_may_add_later_is_ambiguous() -> None:
    class FutureError(httpx.TransportError):
        pass

    assert classify(Call.CLONE, failure=FutureError) is Ambiguous


def test_a_question_that_broke_off_may_be_asked_again() -> None:
    assert classify(Call.READ, failure=httpx.ReadTimeout) is ProviderFailed
    assert classify(Call.UPLOAD, failure=httpx.ReadTimeout) is SafeRetry
    assert classify(Call.READ, failure=httpx.ConnectError) is NotSent


def test_a_status_that_was_read_outranks_the_failure_that_followed_it() -> None:
    assert classify(Call.CLONE, status=413, failure=httpx.RemoteProtocolError) is Refused
    assert classify(Call.SPEECH, status=200, failure=httpx.RemoteProtocolError) is Ambiguous


def test_every_class_of_the_error_tree_is_reached_and_advised_upon() -> None:
    reached = {
        classify(call, status=status, code=code)
        for call in Call
        for status in range(100, 600)
        for code in (None, "voice_not_owned", "ownership_write_failed", "content_blocked")
    } | set(TRANSPORT.values())

    assert reached == ERROR_CLASSES
    assert set(ADVICE) == ERROR_CLASSES


def test_every_class_of_the_error_tree_stands_in_its_picture_and_has_a_kind_of_its_own() -> None:
    assert all(error.__name__ in (errors.__doc__ or "") for error in ERROR_CLASSES)
    assert len({error.kind for error in ERROR_CLASSES}) == len(ERROR_CLASSES)
