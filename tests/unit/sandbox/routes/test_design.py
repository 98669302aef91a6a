import pytest

from tests.support.sandbox_client import Sandboxes, code_of


def test_a_design_costs_4_20(sandbox: Sandboxes) -> None:
    client = sandbox()
    body = {"description": "a deep old man", "name": "elder", "gender": "male", "age_group": "elderly"}
    answer = client("POST", "/v1/audio/voice-design", json=body)
    assert answer.status_code == 200
    assert answer.json().items() >= {"name": "elder", "model": "minimax-voice-design", "cost_usd": 4.2}.items()
    assert answer.headers["x-kyma-balance-usd"] == "45.80"
    assert client.speak(answer.json()["voice_id"]).status_code == 200


def test_text_is_another_name_for_description(sandbox: Sandboxes) -> None:
    assert sandbox()("POST", "/v1/audio/voice-design", json={"text": "bright"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"description": "deep", "model": "minimax-voice-clone"}, "not_a_voice_design_model"),
        ({"description": "d" * 1001}, "description_too_long"),
        ({}, "invalid_request"),
        ({"description": " "}, "invalid_request"),
        ({"description": 7}, "invalid_request"),
        ({"description": "deep", "gender": "robot"}, "invalid_request"),
        ({"description": "deep", "age_group": "ancient"}, "invalid_request"),
        ({"description": "deep", "preview_text": "p" * 501}, "invalid_request"),
        ({"description": "deep", "name": "n" * 65}, "invalid_request"),
        (["deep"], "invalid_request"),
    ],
)
def test_a_refused_design_costs_nothing(sandbox: Sandboxes, body: object, code: str) -> None:
    client = sandbox()
    answer = client("POST", "/v1/audio/voice-design", json=body)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert client.balance() == 50_000_000


def test_a_design_that_the_balance_does_not_cover_is_refused(sandbox: Sandboxes) -> None:
    client = sandbox(keys=["key-ann=ann:4:4.19"])
    answer = client("POST", "/v1/audio/voice-design", json={"description": "deep"})
    assert (answer.status_code, code_of(answer)) == (402, "insufficient_credits")
