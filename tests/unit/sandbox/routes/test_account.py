from tests.support.sandbox_client import SYSTEM, Sandboxes


def test_the_balance_is_in_dollars(sandbox: Sandboxes) -> None:
    answer = sandbox()("GET", "/v1/credits/balance")
    assert answer.json() == {"balance": 50.0, "currency": "USD"}


def test_limits_tell_how_many_requests_are_left(sandbox: Sandboxes) -> None:
    client = sandbox()
    client.speak(SYSTEM)
    limits = client("GET", "/v1/auth/limits").json()
    assert limits == {
        "tier": 4,
        "rpm_limit": 300,
        "rpm_used": 1,
        "rpm_remaining": 299,
        "has_credits": True,
        "used_today": 1,
    }
