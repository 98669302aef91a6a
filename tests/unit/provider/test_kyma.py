"""What is asked of Kyma, byte for byte, and what its answers become in our words."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.delivery import Delivery
from pipeline.errors import EnvironmentFault
from pipeline.provider.errors import NotSent, ProviderFailed, Refused
from pipeline.provider.exchange import Timeouts
from pipeline.provider.kyma import CAPABILITIES, Kyma
from pipeline.provider.kyma_prices import MAKING, SPEECH, table
from pipeline.provider.port import CloneRequest, Cost, DesignRequest, SpeechRequest, VoiceProvider
from tests.support.ports import free_port
from tests.support.stub_http import Script, Stub, answering, http, stub_server

KEY = "ky-0123456789"
VOICE = "kyma_3f8e2a1b4c9d7e60"
MADE = f'{{"voice_id":"{VOICE}","name":"brand-narrator","cost_usd":2.10,"balance_usd":47.90}}'
SPOKEN = {"X_Kyma_Chars_Billed": "20", "X_Kyma_Cost_USD": "0.0028", "X_Kyma_Balance_USD": "47.8972"}
AUDIO = http(200, b"ID3audio", content_type="audio/mpeg", **SPOKEN)
CLONE = ("mara vale.mp3", "audio/mpeg", "brand-narrator", "minimax-voice-clone")
LINE = SpeechRequest("minimax-speech-hd", "Grüße, 旅人 🎙", VOICE, "mp3")


@contextmanager
def sandbox(script: Script, **settings: object) -> Iterator[tuple[Kyma, Stub]]:
    with stub_server(script) as stub:
        kyma = Kyma(**{"name": "sandbox", "base_url": stub.url, "api_key": KEY, **settings})
        yield kyma, stub
        kyma.close()


def by_path(answers: dict[str, object]) -> Script:
    def script(connection: object, request: object) -> None:
        said = answers.get(request.path.removeprefix("/v1"))
        connection.sendall(http(404) if said is None else http(200, json.dumps(said)))

    return script


def form(content_type: str, body: bytes) -> dict[str, Message]:
    parts = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body).get_payload()
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}


def test_kyma_is_a_voice_provider() -> None:
    provider: VoiceProvider = Kyma(name="kyma", base_url="https://kymaapi.com/v1/", api_key=SecretStr(KEY))

    assert provider.name == "kyma"
    assert provider.capabilities() == CAPABILITIES


def test_a_clone_is_one_form_with_an_explicit_type_on_a_connection_of_its_own() -> None:
    with sandbox(answering(http(200, MADE, X_Kyma_Cost_USD="2.10", X_Kyma_Balance_USD="47.90"))) as (kyma, stub):
        for _ in range(2):
            reference = io.BytesIO(b"RIFF\x00\xff")
            voice = kyma.create_voice(CloneRequest(reference, *CLONE))

    request = stub.requests[0]
    parts = form(request.headers["content-type"], request.body)
    assert (request.method, request.path) == ("POST", "/v1/audio/voice-clone")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["connection"] == "close"
    assert set(parts) == {"file", "name", "model"}
    assert parts["file"].get_content_type() == "audio/mpeg"
    assert parts["file"].get_filename() == "mara vale.mp3"
    assert parts["file"].get_payload(decode=True) == b"RIFF\x00\xff"
    assert parts["name"].get_payload() == "brand-narrator"
    assert parts["model"].get_payload() == "minimax-voice-clone"
    assert [received.connection for received in stub.requests] == [1, 2]
    assert (voice.provider_voice_id, voice.label) == (VOICE, "brand-narrator")
    assert voice.cost == Cost(2_100_000, 47_900_000)
    assert json.loads(voice.raw)["voice_id"] == VOICE


def test_a_design_sends_what_was_said_and_nothing_else() -> None:
    with sandbox(answering(http(200, MADE.replace('"brand-narrator"', "null")))) as (kyma, stub):
        voice = kyma.design_voice(DesignRequest("An old sailor", "sailor", "minimax-voice-design", age_group="elderly"))

    assert stub.requests[0].path == "/v1/audio/voice-design"
    assert json.loads(stub.requests[0].body) == {
        "description": "An old sailor",
        "model": "minimax-voice-design",
        "name": "sailor",
        "age_group": "elderly",
    }
    assert voice.label is None
    assert voice.cost == Cost(2_100_000, 47_900_000)


def test_speech_sends_the_text_as_it_is_and_reads_the_bill_from_the_headers() -> None:
    with sandbox(answering(AUDIO)) as (kyma, stub):
        spoken = kyma.synthesize(LINE)

    assert stub.requests[0].path == "/v1/audio/speech"
    assert json.loads(stub.requests[0].body) == {
        "model": "minimax-speech-hd",
        "input": "Grüße, 旅人 🎙",
        "voice_id": VOICE,
        "response_format": "mp3",
    }
    assert spoken.audio == b"ID3audio"
    assert spoken.content_type == "audio/mpeg"
    assert spoken.cost == Cost(2_800, 47_897_200, 20)


def test_a_pace_goes_along() -> None:
    line = SpeechRequest("minimax-speech-turbo", "Hm.", VOICE, "mp3", Delivery(speed=1.1))
    with sandbox(answering(AUDIO)) as (kyma, stub):
        kyma.synthesize(line)

    said = json.loads(stub.requests[0].body)
    assert (said["speed"], said["input"]) == (1.1, "Hm.")


def test_a_bill_that_is_missing_or_garbled_is_unknown_and_not_zero() -> None:
    garbled = http(200, b"ID3", content_type="audio/mpeg", X_Kyma_Cost_USD="free", X_Kyma_Chars_Billed="-1")
    with sandbox(answering(garbled)) as (kyma, _):
        assert kyma.synthesize(LINE).cost == Cost(None, None, None)


def test_speech_reuses_its_connections_among_many_threads() -> None:
    with sandbox(answering(AUDIO)) as (kyma, stub):
        kyma.synthesize(LINE)
        kyma.synthesize(LINE)
        assert stub.connections == 1

        spoken = []
        threads = [threading.Thread(target=lambda: spoken.append(kyma.synthesize(LINE).audio)) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert spoken == [b"ID3audio"] * 64
    assert stub.posts == 66


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, nowhere)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login mallory password x\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with sandbox(answering(AUDIO)) as (kyma, stub):
        kyma.synthesize(LINE)

    assert stub.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_proxy_that_was_set_on_purpose_is_used() -> None:
    with stub_server(answering(AUDIO)) as proxy:
        kyma = Kyma(name="kyma", base_url="http://kyma.test/v1", api_key=KEY, proxy=proxy.url.removesuffix("/v1"))
        kyma.synthesize(LINE)
        kyma.close()

    assert proxy.requests[0].path == "http://kyma.test/v1/audio/speech"


def test_text_that_no_encoding_can_carry_is_refused_before_it_is_sent() -> None:
    text = "half a pair \ud83d"
    with sandbox(answering(AUDIO)) as (kyma, stub):
        with pytest.raises(Refused, match="Nothing was sent"):
            kyma.synthesize(SpeechRequest("minimax-speech-hd", text, VOICE, "mp3"))
        with pytest.raises(Refused, match="Nothing was sent"):
            kyma.design_voice(DesignRequest(text, "x", "minimax-voice-design"))
        with pytest.raises(Refused, match="Nothing was sent"):
            kyma.create_voice(CloneRequest(io.BytesIO(b"R"), "a.mp3", "audio/mpeg", text, "minimax-voice-clone"))

    assert stub.requests == []


@pytest.mark.parametrize(("size", "fault"), [(0, "empty"), (10_485_761, "too large")])
def test_a_reference_no_provider_takes_is_refused_before_it_is_sent(size: int, fault: str) -> None:
    with (
        sandbox(answering(http(200, MADE))) as (kyma, stub),
        pytest.raises(Refused, match=f"{fault}: 1 to 10485760 bytes"),
    ):
        kyma.create_voice(CloneRequest(io.BytesIO(b"R" * size), *CLONE))

    assert stub.requests == []


def test_a_reference_that_cannot_be_read_has_not_been_sent() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: object) -> int:
            raise OSError("disk gone")

    with sandbox(answering(http(200, MADE))) as (kyma, stub), pytest.raises(NotSent, match="disk gone"):
        kyma.create_voice(CloneRequest(Broken(), *CLONE))

    assert stub.requests == []


def test_the_balance_is_read_exactly() -> None:
    with sandbox(by_path({"/credits/balance": {"balance": "47.9"}})) as (kyma, stub):
        assert kyma.account().balance_micros == 47_900_000

    assert (stub.requests[0].method, stub.requests[0].headers["authorization"]) == ("GET", f"Bearer {KEY}")


def test_a_balance_the_provider_does_not_tell_is_unknown() -> None:
    with sandbox(by_path({"/credits/balance": {"currency": "USD"}})) as (kyma, _):
        assert kyma.account().balance_micros is None


def media(model: str, mode: str = "per-char", usd: object = None, **detail: object) -> dict[str, object]:
    return {"id": model, "name": model, "pricing_mode": mode, "usd_per_call": usd, "detail": detail}


def test_prices_come_from_the_provider_where_it_publishes_them_all() -> None:
    catalogue = [media("minimax-voice-clone", "per-call", "2.50"), media("minimax-voice-design", "per-call", 5)]
    catalogue += [media(model, usd_per_1k_chars="0.15") for model in SPEECH]
    with sandbox(by_path({"/pricing": {"object": "pricing.catalog", "media": catalogue}})) as (kyma, _):
        prices = kyma.prices()

    assert (prices.clone_micros, prices.design_micros, prices.source) == (2_500_000, 5_000_000, "provider")
    assert prices.speech("minimax-speech-hd", 1000) == 150_000
    assert prices.speech("minimax-speech-hd", 1) == 150


def test_a_price_the_provider_leaves_out_comes_from_the_table_and_is_marked() -> None:
    catalogue = [
        media("minimax-speech-hd", usd_per_char="0.0000845"),
        media("minimax-speech-turbo", usd_per_1k_chars="-1"),
        media("eleven-v3", usd_per_1m_chars="405.5"),
        media("eleven-flash-v2-5", mode="per-call", usd_per_1k_chars="9"),
    ]
    with sandbox(by_path({"/pricing": {"media": catalogue}})) as (kyma, _):
        prices = kyma.prices()

    assert prices.source == "mixed"
    assert prices.clone_micros == 2_100_000
    assert prices.speech_micros_per_million_chars == {
        **table().speech_micros_per_million_chars,
        "minimax-speech-hd": 84_500_000,
        "eleven-v3": 405_500_000,
    }


@pytest.mark.parametrize("answers", [{}, {"/pricing": []}, {"/pricing": {}}, {"/pricing": {"media": [1, {"id": []}]}}])
def test_without_a_usable_price_list_the_table_stands_in(answers: dict[str, object]) -> None:
    with sandbox(by_path(answers)) as (kyma, _):
        assert kyma.prices() == table()


def test_the_table_says_what_each_price_rests_on() -> None:
    assumed = {model for model, row in (MAKING | SPEECH).items() if row.basis == "assumed"}

    assert assumed == {"minimax-speech-hd", "minimax-speech-turbo"}
    assert {row.basis for row in (MAKING | SPEECH).values()} == {"assumed", "documented"}
    assert set(CAPABILITIES.speech_models) == set(SPEECH)


def tier(number: int, rpm: int, model_rpm: int, minimax: object) -> dict[str, object]:
    concurrency = {"groq": 5, "minimax": minimax}
    return {"tier": number, "rpm": rpm, "per_model_rpm": model_rpm, "audio_concurrent_per_provider": concurrency}


MATRIX = {"tiers": [tier(2, 120, 80, 4), tier(0, 30, 25, 1), tier(1, 60, 40, 2), tier(4, 300, 200, 16)]}


@pytest.mark.parametrize(
    ("account", "setting", "expected"),
    [
        ({"rpm_limit": 120}, None, ("T2", 4, 120, 80)),
        ({"rpm_limit": 90}, None, ("T1", 2, 60, 40)),
        ({"rpm_limit": 10}, None, ("T0", 1, 30, 25)),
        ({}, None, ("T0", 1, 30, 25)),
        (None, None, ("T0", 1, 30, 25)),
        ({"rpm_limit": 30}, "t4", ("T4", 16, 300, 200)),
        (None, "1", ("T1", 2, 60, 40)),
    ],
)
def test_the_tier_is_the_setting_or_what_the_account_may_do_or_the_smallest(
    account: dict[str, object] | None, setting: str | None, expected: tuple[str, int, int, int]
) -> None:
    answers = {"/limits/tiers": MATRIX, **({} if account is None else {"/auth/limits": account})}
    with sandbox(by_path(answers), tier=setting) as (kyma, _):
        limits = kyma.limits()

    found = (limits.tier, limits.concurrent_calls, limits.requests_per_minute, limits.model_requests_per_minute)
    assert found == expected


def test_a_tier_that_does_not_exist_is_named_with_those_that_do() -> None:
    naming = pytest.raises(Refused, match=r"no tier 'T9'; it has T0, T1, T2, T4")
    with sandbox(by_path({"/limits/tiers": MATRIX}), tier="T9") as (kyma, _), naming:
        kyma.limits()


def test_limits_that_are_missing_or_odd_are_the_smallest_documented_ones() -> None:
    odd = {"tiers": [{"name": "free", "rpm": "lots", "audio_concurrent_per_provider": {"minimax": 0}}]}
    with sandbox(by_path({"/limits/tiers": odd})) as (kyma, _):
        limits = kyma.limits()

    assert (limits.tier, limits.concurrent_calls, limits.requests_per_minute) == ("free", 1, 30)


def test_limits_without_tiers_are_a_failure_of_the_provider() -> None:
    with (
        sandbox(by_path({"/limits/tiers": {"tiers": []}})) as (kyma, _),
        pytest.raises(ProviderFailed, match="no tiers"),
    ):
        kyma.limits()


def test_system_voices_are_the_catalogue_without_clones_and_without_rows_that_name_no_voice() -> None:
    catalogue = [
        {
            "voice_id": "Deep_Voice_Man",
            "name": "Deep",
            "category": "premade",
            "labels": {"age": 40},
            "preview_url": "u",
        },
        {"voice_id": VOICE, "name": "mara~1", "category": "cloned"},
        {"voice_id": "bare"},
        {"name": "no id"},
        "odd",
    ]
    with sandbox(by_path({"/audio/voices": {"object": "list", "data": catalogue}})) as (kyma, _):
        deep, bare = kyma.system_voices()
        listed = kyma.listed_voices()

    assert (deep.provider_voice_id, deep.name, deep.labels, deep.preview_url) == (
        "Deep_Voice_Man",
        "Deep",
        {"age": "40"},
        "u",
    )
    assert (bare.name, bare.category, bare.labels, bare.preview_url) == ("bare", "", {}, None)
    assert [voice.name for voice in listed] == ["Deep", "mara~1", "bare"]


@pytest.mark.parametrize(
    "url",
    ["", "kymaapi.com/v1", "ftp://kymaapi.com/v1", "https://", "https://u:p@kymaapi.com/v1", "https://kymaapi.com/v1?a=b",
     f"https://{'a' * 70}.test/v1", "https://a..b/v1", "http://[::1/v1"],
)  # fmt: skip
def test_a_base_url_that_cannot_be_used_fails_at_start(url: str) -> None:
    with pytest.raises(EnvironmentFault, match="base URL of kyma"):
        Kyma(name="kyma", base_url=url, api_key=KEY)


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "käse", "tab\tbed"])
def test_a_key_that_cannot_be_used_fails_at_start_and_is_not_shown(key: str) -> None:
    with pytest.raises(EnvironmentFault, match="API key of kyma") as caught:
        Kyma(name="kyma", base_url="https://kymaapi.com/v1", api_key=key)

    assert "KYMA_API_KEY" in caught.value.hint
    assert not key.strip() or key not in f"{caught.value!r}{caught.value.as_dict()}"


def test_the_key_is_not_in_the_picture_of_the_provider() -> None:
    kyma = Kyma(name="kyma", base_url="https://kymaapi.com/v1", api_key=KEY)

    assert KEY not in repr(kyma)


def test_a_clone_is_waited_for_as_long_as_design_demands() -> None:
    waiting = Timeouts()

    assert (waiting.connect, waiting.pool, waiting.speech) == (5, 5, 60)
    assert waiting.voice >= 180
