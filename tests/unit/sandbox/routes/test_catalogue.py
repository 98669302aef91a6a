from tests.support.sandbox_client import Sandboxes


def test_health_needs_no_key(sandbox: Sandboxes) -> None:
    answer = sandbox()("GET", "/v1/health", None)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_catalogue_needs_no_key_and_says_how_long_it_keeps(sandbox: Sandboxes) -> None:
    client = sandbox()
    pricing, tiers = client("GET", "/v1/pricing", None), client("GET", "/v1/limits/tiers", None)
    assert "max-age=60" in pricing.headers["cache-control"]
    assert "max-age=300" in tiers.headers["cache-control"]
    rows = {row["id"]: row for row in pricing.json()["media"]}
    assert rows["minimax-voice-clone"]["usd_per_call"] == 2.10
    assert rows["minimax-voice-design"]["usd_per_call"] == 4.20
    assert rows["eleven-v3"]["detail"] == {"usd_per_1k_chars": 0.405}
    assert rows["minimax-speech-hd"]["detail"] == {"usd_per_1k_chars": 0.14, "assumed": True}
    assert {row["id"] for row in client("GET", "/v1/models", None).json()["data"]} == rows.keys()


def test_the_tier_matrix_is_the_vendors(sandbox: Sandboxes) -> None:
    rows = sandbox()("GET", "/v1/limits/tiers", None).json()["tiers"]
    assert [(row["tier"], row["rpm"], row["per_model_rpm"]) for row in rows] == [
        (0, 30, 25),
        (1, 60, 40),
        (2, 120, 80),
        (3, 200, 150),
        (4, 300, 200),
    ]
    assert [row["audio_concurrent_per_provider"]["minimax"] for row in rows] == [1, 2, 4, 8, 16]


def test_the_lab_tier_shows_only_where_a_key_has_it(sandbox: Sandboxes) -> None:
    rows = sandbox(keys=["key-ann=ann:lab"])("GET", "/v1/limits/tiers", None).json()["tiers"]
    assert rows[-1]["name"] == "Lab"
