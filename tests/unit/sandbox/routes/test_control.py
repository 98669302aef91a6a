import pytest

from pipeline.sandbox.box import key_id
from tests.support.sandbox_client import SYSTEM, Sandboxes

FAULTS = {"faults": [{"point": "402", "route": "/v1/audio/speech", "count": 1}]}


def test_the_ledger_knows_every_call_by_key_and_body(sandbox: Sandboxes) -> None:
    client = sandbox()
    client.speak(SYSTEM)
    client("GET", "/v1/credits/balance", "key-bob", headers={"x-stainless-retry-count": "2"})
    client("GET", "/v1/credits/balance", "key-mallory")
    client("GET", "/v1/health")
    speech, bob, stranger = client.ledger()["calls"]
    assert (speech["user"], speech["status"], speech["delivery"], speech["charged"]) == ("ann", 200, "answered", 2800)
    assert len(speech["body_sha256"]) == 64
    assert (bob["user"], bob["retry_count"]) == ("bob", "2")
    assert bob["key_id"] != speech["key_id"]
    assert (stranger["user"], stranger["status"], stranger["error_code"]) == ("", 401, "auth_error")


def test_the_same_body_has_the_same_hash_and_a_file_its_own(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    for _ in range(2):
        client.speak(SYSTEM)
        client.clone(recording, name="hero")
    first, clone, second, clone_again = client.ledger()["calls"]
    assert first["body_sha256"] == second["body_sha256"]
    assert clone["body_sha256"] != clone_again["body_sha256"]
    assert clone["file_sha256"] == clone_again["file_sha256"] != ""
    assert clone["label"] == "hero"


def test_no_secret_is_in_the_ledger(sandbox: Sandboxes) -> None:
    client = sandbox()
    client.speak(SYSTEM)
    assert "key-ann" not in str(client.ledger())


def test_the_state_tells_options_balances_and_rules(sandbox: Sandboxes) -> None:
    client = sandbox(expire_unused=True)
    client("POST", "/__sandbox__/faults", json=FAULTS)
    state = client("GET", "/__sandbox__/state").json()
    assert state["expire_unused"] is True
    assert state["users"]["ann"] == {"tier": 4, "balance": 50_000_000}
    assert state["faults"][0]["point"] == "402"
    assert state["in_flight"] == {}


def test_a_rule_fires_as_often_as_it_says_and_reports_it(sandbox: Sandboxes) -> None:
    client = sandbox()
    client("POST", "/__sandbox__/faults", json=FAULTS)
    assert [client.speak(SYSTEM).status_code for _ in range(2)] == [402, 200]
    assert client("GET", "/__sandbox__/faults").json()["faults"][0]["fired"] == 1


@pytest.mark.parametrize("body", [{}, {"faults": "402"}, {"faults": ["402"]}, {"faults": [{"point": "boom"}]}])
def test_wrong_rules_leave_the_old_ones_in_force(sandbox: Sandboxes, body: object) -> None:
    client = sandbox()
    client("POST", "/__sandbox__/faults", json=FAULTS)
    assert client("POST", "/__sandbox__/faults", json=body).status_code == 400
    assert client.speak(SYSTEM).status_code == 402


def test_a_fault_asked_for_in_a_header_must_exist(sandbox: Sandboxes) -> None:
    answer = sandbox()("GET", "/v1/credits/balance", headers={"X-Sandbox-Fault": "boom"})
    assert answer.status_code == 400
    assert "reset_before" in answer.json()["error"]["message"]


def test_the_clock_only_moves_forward(sandbox: Sandboxes) -> None:
    client = sandbox()
    before = client("GET", "/__sandbox__/clock").json()["now"]
    after = client("POST", "/__sandbox__/clock", json={"advance_seconds": 3600}).json()
    assert after["offset_seconds"] == 3600
    assert after["now"] - before >= 3600
    for wrong in (-1, "1", True, None):
        assert client("POST", "/__sandbox__/clock", json={"advance_seconds": wrong}).status_code == 400


def test_a_reset_forgets_everything(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    client.clone(recording)
    client("POST", "/__sandbox__/faults", json=FAULTS)
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 5})
    client("POST", "/__sandbox__/reset", json={})
    ledger = client.ledger()
    assert [ledger[name] for name in ("calls", "charges", "voices")] == [[], [], []]
    assert client.balance() == 50_000_000
    assert client("GET", "/__sandbox__/clock").json()["offset_seconds"] == 0
    assert client.speak(SYSTEM).status_code == 200


def test_credit_can_be_added_to_a_known_user(sandbox: Sandboxes) -> None:
    client = sandbox(keys=["key-ann=ann:4:0"])
    assert client.speak(SYSTEM).status_code == 402
    assert client("POST", "/__sandbox__/credit", json={"user": "ann", "micros": 5000}).json()["balance"] == 5000
    assert client.speak(SYSTEM).status_code == 200
    assert client("POST", "/__sandbox__/credit", json={"user": "eve", "micros": 5000}).status_code == 404
    assert client("POST", "/__sandbox__/credit", json={"user": "ann", "micros": -1}).status_code == 400


def test_only_this_machine_controls_the_sandbox(sandbox: Sandboxes) -> None:
    client = sandbox()
    client._http._transport.client = ("192.0.2.7", 4000)
    assert client("GET", "/__sandbox__/ledger").status_code == 403
    assert client("GET", "/v1/health").status_code == 200


def test_what_each_key_has_spent_adds_up_to_the_charges(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(keys=("key-ann=ann:4:50", "key-anton=ann:4:50", "key-bob=bob:4:50"))
    client.clone(recording)
    client.clone(recording, "key-anton")
    client.speak(SYSTEM, "Hm.", "key-anton")
    client("GET", "/v1/credits/balance", "key-bob")
    ledger = client.ledger()
    spent = {row["key_id"]: (row["user"], row["spent"], row["paid_calls"]) for row in ledger["keys"]}

    assert spent == {
        key_id("key-ann"): ("ann", 2_100_000, 1),
        key_id("key-anton"): ("ann", 2_100_420, 2),
        key_id("key-bob"): ("bob", 0, 0),
    }
    assert sum(row["spent"] for row in ledger["keys"]) == sum(row["amount"] for row in ledger["charges"])


def test_options_change_at_run_time_and_end_with_a_reset(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    voice = client.clone(recording).json()["voice_id"]
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 8 * 86_400})
    changed = client("POST", "/__sandbox__/options", json={"expire_unused": True})

    assert changed.json() == {
        "latency_ms": 0,
        "list_clones": False,
        "idempotency": False,
        "expire_unused": True,
        "bad_audio": "",
        "bad_audio_seed": 1,
    }
    assert client.speak(voice).status_code == 502
    client("POST", "/__sandbox__/options", json={"expire_unused": False})
    assert client.speak(voice).status_code == 200
    client("POST", "/__sandbox__/options", json={"list_clones": True})
    client("POST", "/__sandbox__/reset", json={})
    assert client("GET", "/__sandbox__/state").json()["list_clones"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"expire_unused": 1},
        {"latency_ms": True},
        {"latency_ms": -1},
        {"engine": "pico"},
        {"db": "x"},
        {"bad_audio": "cut"},
    ],
)
def test_an_option_that_there_is_not_changes_nothing(sandbox: Sandboxes, body: object) -> None:
    client = sandbox()
    before = client("GET", "/__sandbox__/state").json()

    assert client("POST", "/__sandbox__/options", json=body).status_code == 400
    assert client("GET", "/__sandbox__/state").json() | {"clock": 0} == before | {"clock": 0}
