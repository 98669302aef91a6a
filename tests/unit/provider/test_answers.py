import time
from decimal import Decimal
from email.utils import formatdate

import httpx
import pytest

from pipeline.provider.answers import LONGEST_RETRY_AFTER, clock_ms, document, error_detail, retry_after, voice_id
from pipeline.provider.kyma_answers import tier_name


def test_numbers_in_json_are_exact() -> None:
    assert document(b'{"cost_usd": 2.10}') == {"cost_usd": Decimal("2.10")}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b'{"a":NaN}', b"\xff\xfe", b"{", b"[" * 200_000, b'{"a":' + b"9" * 5000 + b"}"]
)
def test_what_is_not_a_json_object_is_none(body: bytes) -> None:
    assert document(body) is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error":{"message":"no","type":"t","code":"c"}}', "c", "no"),
        (b'{"error":{"message":"no","type":"rate_limit"}}', "rate_limit", "no"),
        (b'{"error":{"message":null,"code":402}}', None, ""),
        (b'{"error":"plain"}', None, "plain"),
        (b'{"code":"c","message":"bare"}', "c", "bare"),
        (b"<html><script>x()</script><body>Bad\n gateway</body></html>", None, "Bad gateway"),
        (b"", None, ""),
    ],
)
def test_code_and_message_are_found_in_every_shape_of_error(body: bytes, code: str | None, message: str) -> None:
    assert error_detail(body) == (code, message)


NOON = "Wed, 04 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "86400"}, LONGEST_RETRY_AFTER),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 04 Nov 2026 12:00:07 GMT", "Date": NOON}, 7.0),
        ({"Retry-After": "Wed, 04 Nov 2026 11:00:00 GMT", "Date": NOON}, 0.0),
        ({"Retry-After": "Wed, 04 Nov 2099 11:00:00 GMT", "Date": NOON}, LONGEST_RETRY_AFTER),
        ({"Retry-After": "Wed, 99 Nov 2026 11:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_capped(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx.Headers(headers)) == seconds


def test_a_date_to_wait_for_is_measured_by_our_clock_where_the_server_tells_no_time() -> None:
    waiting = retry_after(httpx.Headers({"Retry-After": formatdate(time.time() + 60, usegmt=True)}))

    assert waiting == pytest.approx(60, abs=5)


def test_the_servers_clock_is_read_where_it_tells_the_time() -> None:
    assert clock_ms(httpx.Headers({"Date": NOON})) == 1_793_793_600_000
    assert clock_ms(httpx.Headers({"Date": "noon"})) is None
    assert clock_ms(httpx.Headers()) is None


@pytest.mark.parametrize(("said", "name"), [(1, "T1"), ("1", "T1"), ("T1", "T1"), ("tier 1", "T1"), ("Pro", "Pro")])
def test_tiers_are_named_one_way(said: object, name: str) -> None:
    assert tier_name(said) == name


@pytest.mark.parametrize(
    "said", [None, {}, {"voice_id": 7}, {"voice_id": ""}, {"voice_id": "a\nb"}, {"voice_id": "x" * 257}]
)
def test_an_id_that_cannot_be_stored_and_sent_is_none(said: dict[str, object] | None) -> None:
    assert voice_id(said) is None
