from email.utils import parsedate_to_datetime

import pytest

from tests.support.sandbox_client import Sandboxes, code_of


@pytest.mark.parametrize("path", ["/v1/health", "/v1/credits/balance", "/v1/nowhere", "/__sandbox__/state"])
def test_every_answer_says_that_it_is_the_sandbox_and_which_request_it_was(sandbox: Sandboxes, path: str) -> None:
    answer = sandbox()("GET", path)
    assert answer.headers["x-sandbox"] == "1"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("key", [None, "", "key-mallory"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/audio/voice-clone"),
        ("POST", "/v1/audio/voice-design"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/transcriptions"),
        ("GET", "/v1/audio/voices"),
        ("GET", "/v1/credits/balance"),
        ("GET", "/v1/auth/limits"),
    ],
)
def test_without_a_known_key_nothing_is_answered(sandbox: Sandboxes, method: str, path: str, key: str | None) -> None:
    answer = sandbox()(method, path, key)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"message": "Invalid API key", "type": "authentication_error", "code": "auth_error"}
    }


def test_another_scheme_than_bearer_is_no_key(sandbox: Sandboxes) -> None:
    answer = sandbox()("GET", "/v1/credits/balance", None, headers={"Authorization": "Basic key-ann"})
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nowhere", 404), ("GET", "/v1/audio/speech", 405)])
def test_what_does_not_exist_is_answered_in_the_same_envelope(
    sandbox: Sandboxes, method: str, path: str, status: int
) -> None:
    answer = sandbox()(method, path)
    assert answer.status_code == status
    assert code_of(answer) in {"not_found", "method_not_allowed"}


@pytest.mark.parametrize("path", ["/v1/health", "/v1/credits/balance", "/v1/nothing", "/v1/files/list"])
def test_every_answer_tells_the_time_of_the_sandboxs_own_clock(sandbox: Sandboxes, path: str) -> None:
    client = sandbox()
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 40 * 86_400})
    told = parsedate_to_datetime(client("GET", path).headers["date"]).timestamp()

    assert told == pytest.approx(client.box.clock.now(), abs=5)
