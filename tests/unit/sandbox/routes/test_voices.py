from tests.support.sandbox_client import SYSTEM, Sandboxes


def test_the_voice_list_holds_system_voices_and_no_clones(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    client.clone(recording)
    answer = client("GET", "/v1/audio/voices")
    assert answer.json()["object"] == "list"
    assert [row["voice_id"] for row in answer.json()["data"]] == [SYSTEM]
    assert answer.json()["data"][0].keys() >= {"voice_id", "name", "category", "labels", "preview_url", "description"}


def test_own_clones_are_listed_on_request_once_the_cache_is_old_enough(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(list_clones=True)
    assert client("GET", "/v1/audio/voices").headers["x-kyma-cache"] == "miss"
    voice = client.clone(recording, name="hero").json()["voice_id"]
    stale = client("GET", "/v1/audio/voices")
    assert (stale.headers["x-kyma-cache"], len(stale.json()["data"])) == ("hit", 1)
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 301})
    fresh = client("GET", "/v1/audio/voices")
    assert fresh.headers["x-kyma-cache"] == "miss"
    assert [(row["voice_id"], row["name"], row["category"]) for row in fresh.json()["data"][1:]] == [
        (voice, "hero", "cloned")
    ]
    assert len(client("GET", "/v1/audio/voices", "key-bob").json()["data"]) == 1
