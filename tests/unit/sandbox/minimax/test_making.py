from typing import Any

import pytest

from tests.support.sandbox_client import BOB, MiniMaxClient, Sandboxes, hum, number

MARA = "callsheet-mara-g1"
DESIGN = {"prompt": "An old sailor", "preview_text": "Ahoy, 旅人!", "voice_id": MARA}


def fees(ledger: dict[str, Any]) -> dict[str, int]:
    return {voice["voice_id"]: voice["fee_due"] for voice in ledger["voices"]}


def test_a_clone_is_free_and_owes_its_fee(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    said = MiniMaxClient(client).clone(recording, MARA)

    assert (number(said), "voice_id" in said) == (0, False)
    assert client.ledger()["charges"] == []
    assert fees(client.ledger()) == {MARA: 1_500_000}


def test_an_id_that_exists_is_refused_whoever_asks(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    MiniMaxClient(client).clone(recording, MARA)

    assert number(MiniMaxClient(client).clone(recording, MARA)) == 2039
    assert number(MiniMaxClient(client, BOB).clone(recording, MARA)) == 2039
    assert number(MiniMaxClient(client)("voice_design", DESIGN)) == 2039
    assert len(client.ledger()["voices"]) == 1


@pytest.mark.parametrize(
    "voice_id", [None, 7, "short-1", "1mara-0001", "mara-0001-", "mara_0001_", "mära-0001", "m" * 257]
)
def test_an_id_has_to_follow_the_rules(sandbox: Sandboxes, recording: bytes, voice_id: Any) -> None:
    client = sandbox()

    assert number(MiniMaxClient(client).clone(recording, voice_id)) == 2013
    assert client.ledger()["voices"] == []


def test_a_file_id_in_quotes_or_of_no_file_is_refused(sandbox: Sandboxes, recording: bytes) -> None:
    minimax = MiniMaxClient(sandbox())
    file_id = minimax.upload(recording)
    prompt = minimax.upload(recording, purpose="prompt_audio")

    for wrong in (str(file_id), float(file_id), file_id + 1, prompt, None):
        assert number(minimax("voice_clone", {"file_id": wrong, "voice_id": MARA})) == 2013
    assert number(minimax("voice_clone", {"file_id": file_id, "voice_id": MARA})) == 0


@pytest.mark.parametrize(("recording", "refusal"), [(hum(9), 2037), (hum(301), 2037), (b"no sound at all" * 9, 20132)])
def test_a_recording_that_will_not_do_has_its_number(sandbox: Sandboxes, recording: bytes, refusal: int) -> None:
    client = sandbox()

    assert number(MiniMaxClient(client).clone(recording, MARA)) == refusal
    assert client.ledger()["voices"] == []


def test_a_preview_is_refused_because_it_would_be_billed(sandbox: Sandboxes, recording: bytes) -> None:
    assert number(MiniMaxClient(sandbox()).clone(recording, MARA, text="Hello.", model="speech-2.8-hd")) == 2013


def test_a_design_charges_its_sample_and_owes_its_fee(sandbox: Sandboxes) -> None:
    client = sandbox()
    said = MiniMaxClient(client)("voice_design", DESIGN)
    (charge,) = client.ledger()["charges"]

    assert said["voice_id"] == MARA
    assert bytes.fromhex(said["trial_audio"])[:3] == b"ID3"
    assert (charge["operation"], charge["units"], charge["amount"]) == ("voice-design-preview", 11, 330)
    assert fees(client.ledger()) == {MARA: 3_000_000}


def test_a_design_without_an_id_gets_one(sandbox: Sandboxes) -> None:
    minimax = MiniMaxClient(sandbox())
    said = minimax("voice_design", {"prompt": "An old sailor", "preview_text": "Ahoy!"})

    assert number(minimax.speak(said["voice_id"])) == 0


@pytest.mark.parametrize("missing", ["prompt", "preview_text"])
def test_a_design_needs_a_prompt_and_a_sample(sandbox: Sandboxes, missing: str) -> None:
    body = {name: value for name, value in DESIGN.items() if name != missing}

    assert number(MiniMaxClient(sandbox())("voice_design", body)) == 2013


def test_sixty_clones_and_twenty_designs_are_allowed_a_minute(sandbox: Sandboxes) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    designs = [number(minimax("voice_design", {})) for _ in range(21)]
    clones = [number(minimax("voice_clone", {})) for _ in range(61)]
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 61})

    assert designs == [2013] * 20 + [1002]
    assert clones == [2013] * 60 + [1002]
    assert number(minimax("voice_design", DESIGN)) == 0


def test_the_lab_is_not_paced(sandbox: Sandboxes) -> None:
    minimax = MiniMaxClient(sandbox(keys=("key-ann=ann:lab:50",)))

    assert {number(minimax("voice_design", {})) for _ in range(70)} == {2013}


@pytest.mark.parametrize(
    ("fault", "refusal"), [("402", 1008), ("429", 1002), ("502_json", 1033), ("ownership_write_failed", 1024)]
)
def test_the_faults_of_the_other_api_are_told_by_number(
    sandbox: Sandboxes, recording: bytes, fault: str, refusal: int
) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    client("POST", "/__sandbox__/faults", json={"faults": [{"point": fault, "route": "/voice_clone"}]})

    assert number(minimax.clone(recording, MARA)) == refusal
    assert client.ledger()["calls"][-1]["error_code"] == str(refusal)
    assert client.ledger()["voices"] == []


def test_voices_of_one_api_are_unknown_to_the_other(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(list_clones=True)
    minimax = MiniMaxClient(client)
    kyma = client.clone(recording).json()["voice_id"]
    minimax.clone(recording, MARA)

    assert client.speak(MARA).status_code == 502
    assert number(minimax.speak(kyma)) == 2054
    assert MARA not in client("GET", "/v1/audio/voices").text
    assert fees(client.ledger())[MARA] == 1_500_000
