import pytest

from tests.support.sandbox_client import SYSTEM, Sandboxes, code_of


def test_an_engine_that_cannot_be_loaded_is_an_upstream_failure_that_says_why(sandbox: Sandboxes) -> None:
    client = sandbox()

    def broken(name: str) -> None:
        raise RuntimeError(f"no model for {name}")

    client.box.voices._loader = broken
    answer = client.speak(SYSTEM)
    assert (answer.status_code, code_of(answer)) == (502, "provider_error")
    assert "no model for auto" in answer.json()["error"]["message"]
    assert client.balance() == 50_000_000


def test_a_failure_of_the_sandbox_itself_is_enveloped_and_charges_nothing(
    sandbox: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sandbox()
    monkeypatch.setattr("pipeline.sandbox.host.encode", lambda *_: 1 / 0)
    answer = client.speak(SYSTEM)
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert answer.headers["x-sandbox"] == "1"
    assert client.balance() == 50_000_000
