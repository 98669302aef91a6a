"""What is asked of MiniMax, byte for byte, and what its answers become in our words."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.delivery import Delivery
from pipeline.errors import EnvironmentFault
from pipeline.provider import minimax_prices
from pipeline.provider.errors import Ambiguous, NotSent, ProviderFailed, RateLimited, Refused, SafeRetry
from pipeline.provider.minimax import MiniMax
from pipeline.provider.minimax_prices import preview_micros
from pipeline.provider.port import CloneRequest, Cost, DesignRequest, Doubt, SpeechRequest, Truth, VoiceProvider
from tests.support.stub_http import Stub, breaking_off, http, stub_server

KEY = "minimax-planted-secret-key-0123456789"
ID = "callsheet-mara-g1"
FILE_ID = 9_007_199_254_740_993
"""The first whole number that a double cannot hold."""
NOON = "Wed, 04 Nov 2026 12:00:00 GMT"
NOON_MS = 1_793_793_600_000
OK = {"status_code": 0, "status_msg": "success"}
UPLOADED = {"file": {"file_id": FILE_ID, "bytes": 6, "purpose": "voice_clone"}, "base_resp": OK}
CLONED = {"input_sensitive": False, "input_sensitive_type": 0, "demo_audio": "", "base_resp": OK}
SPOKEN = {"data": {"audio": b"ID3".hex(), "status": 2}, "extra_info": {"usage_characters": 26}, "base_resp": OK}
LINE = SpeechRequest("minimax-speech-hd", "Welcome, 旅人.", ID, "mp3")


def answer(said: dict[str, Any] | bytes, status: int = 200) -> bytes:
    return said if isinstance(said, bytes) else http(status, json.dumps(said), Date=NOON, Trace_Id="trace-1")


@contextmanager
def minimax(*answers: dict[str, Any] | bytes) -> Iterator[tuple[MiniMax, Stub]]:
    """Answer the first call with the first answer, and so on; the last one stays."""
    left = list(answers)

    def script(connection: Any, _: object) -> None:
        connection.sendall(answer(left.pop(0) if len(left) > 1 else left[0]))

    with stub_server(script) as stub:
        provider = MiniMax(name="minimax", base_url=stub.url, api_key=KEY)
        yield provider, stub
        provider.close()


def clone() -> CloneRequest:
    return CloneRequest(io.BytesIO(b"RIFF\x00\xff"), "mara.wav", "audio/wav", "mara~00000001", "voice_clone", ID)


def design(**said: Any) -> DesignRequest:
    return DesignRequest("An old sailor", "sailor~00000002", "voice_design", chosen_id=ID, **said)


def refused(code: int, message: str = "no") -> dict[str, Any]:
    return {"base_resp": {"status_code": code, "status_msg": message}}


def paths(stub: Stub) -> Sequence[str]:
    return [request.path for request in stub.requests]


def test_minimax_is_a_voice_provider() -> None:
    provider: VoiceProvider = MiniMax(name="minimax", base_url="https://api.minimax.io/v1", api_key=KEY)

    assert provider.name == "minimax"
    assert provider.limits().requests_per_minute == 60


def test_a_clone_is_an_upload_and_a_call_that_names_the_file_by_an_exact_number() -> None:
    with minimax(UPLOADED, CLONED) as (provider, stub):
        voice = provider.create_voice(clone())

    upload, call = stub.requests
    assert (upload.path, call.path) == ("/v1/files/upload", "/v1/voice_clone")
    assert b'name="purpose"\r\n\r\nvoice_clone\r\n' in upload.body
    assert b"Content-Type: audio/wav\r\n\r\nRIFF\x00\xff\r\n" in upload.body
    assert upload.headers["authorization"] == call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["connection"] == "close"
    # Neither text nor model: a preview would be billed.
    assert call.body == f'{{"file_id": {FILE_ID}, "voice_id": "{ID}"}}'.encode()
    assert (voice.provider_voice_id, voice.label, voice.cost) == (ID, "mara~00000001", Cost(0))
    assert voice.made_at_ms == NOON_MS


def test_a_design_says_gender_and_age_in_words_and_its_sample_is_billed() -> None:
    made = {"voice_id": ID, "trial_audio": "494433", "base_resp": OK}
    with minimax(made) as (provider, stub):
        voice = provider.design_voice(design(gender="male", age_group="elderly", preview_text="Ahoy, 旅人!"))

    assert json.loads(stub.requests[0].body) == {
        "prompt": "An old sailor (male, elderly)",
        "preview_text": "Ahoy, 旅人!",
        "voice_id": ID,
    }
    assert (voice.provider_voice_id, voice.cost) == (ID, Cost(11 * 30, chars_billed=11))
    assert "494433" not in voice.raw


def test_a_design_without_a_sample_speaks_the_shortest() -> None:
    with minimax({"voice_id": ID, "trial_audio": "", "base_resp": OK}) as (provider, stub):
        provider.design_voice(design())

    assert json.loads(stub.requests[0].body)["preview_text"] == "Hello."


def test_speech_asks_for_hex_and_costs_the_characters_it_says_it_billed() -> None:
    with minimax(SPOKEN) as (provider, stub):
        spoken = provider.synthesize(LINE)

    assert stub.requests[0].path == "/v1/t2a_v2"
    assert json.loads(stub.requests[0].body) == {
        "model": "speech-2.8-hd",
        "text": "Welcome, 旅人.",
        "stream": False,
        "output_format": "hex",
        "voice_setting": {"voice_id": ID},
        "audio_setting": {"format": "mp3", "sample_rate": 32_000, "channel": 1, "bitrate": 128_000},
    }
    assert (spoken.audio, spoken.content_type) == (b"ID3", "audio/mpeg")
    assert spoken.cost == Cost(2_600, chars_billed=26)


def test_a_delivery_is_asked_for_in_the_settings_of_the_voice() -> None:
    asked = Delivery(speed=1.1, pitch=-2, volume=1.5, emotion="sad")
    with minimax(SPOKEN) as (provider, stub):
        provider.synthesize(SpeechRequest("speech-2.8-turbo", "Hm.", ID, "pcm_24000", asked))

    said = json.loads(stub.requests[0].body)
    assert said["voice_setting"] == {"voice_id": ID, "speed": 1.1, "pitch": -2, "vol": 1.5, "emotion": "sad"}
    assert said["audio_setting"] == {"format": "pcm", "sample_rate": 24_000, "channel": 1}
    assert (said["text"], said["model"]) == ("Hm.", "speech-2.8-turbo")


def test_a_bill_that_is_missing_is_unknown_and_not_zero() -> None:
    with minimax(SPOKEN | {"extra_info": {"usage_characters": "26"}}) as (provider, _):
        assert provider.synthesize(LINE).cost == Cost(None)


@pytest.mark.parametrize(
    ("text", "chars"), [("", 0), ("Hm, yes.", 8), ("你好,世界!", 10), ("café 🎙", 6), ("ひらがな", 4), ("한국", 2)]
)
def test_chinese_characters_are_expected_to_count_twice(text: str, chars: int) -> None:
    assert minimax_prices.table().chars(text) == chars
    assert preview_micros(text) == chars * 30


@pytest.mark.parametrize(
    "file",
    [None, {}, {"file_id": str(FILE_ID)}, {"file_id": 1e18}, {"file_id": True}, {"file_id": -1}, {"file_id": 1 << 63}],
)
def test_a_file_id_that_is_no_exact_number_is_none_and_nothing_is_cloned(file: object) -> None:
    with minimax({"file": file, "base_resp": OK}) as (provider, stub):
        with pytest.raises(SafeRetry):
            provider.create_voice(clone())
        assert paths(stub) == ["/v1/files/upload"]


@pytest.mark.parametrize(
    "said", [b"", b"{}", b"[]", b'{"base_resp":null}', b'{"base_resp":{"status_code":"0"}}', b"<html>hello</html>"]
)
def test_an_answer_that_does_not_say_what_came_of_it_is_no_answer(said: bytes) -> None:
    with minimax(UPLOADED, http(200, said)) as (provider, stub):
        with pytest.raises(Ambiguous):
            provider.create_voice(clone())
        with pytest.raises(ProviderFailed):
            provider.synthesize(LINE)
        assert stub.posts == 3


@pytest.mark.parametrize("data", [None, {}, {"audio": ""}, {"audio": "xyz"}, {"audio": 7}])
def test_speech_without_audio_has_failed(data: object) -> None:
    with minimax(SPOKEN | {"data": data}) as (provider, _), pytest.raises(ProviderFailed):
        provider.synthesize(LINE)


def test_a_broken_off_answer_that_says_it_was_done_is_an_answer() -> None:
    body = json.dumps(CLONED)
    with stub_server(breaking_off(http(200, body, claimed_length=len(body) + 100))) as stub:
        provider = MiniMax(name="minimax", base_url=stub.url, api_key=KEY)
        with pytest.raises(SafeRetry):
            provider.create_voice(clone())
        # The same bytes, where a voice was asked for.
        made = provider.design_voice(design())
        provider.close()

    assert made.provider_voice_id == ID


def test_a_refusal_keeps_its_number_its_words_and_the_trace() -> None:
    with minimax(refused(1002, f"slow down, {KEY}")) as (provider, _), pytest.raises(RateLimited) as caught:
        provider.synthesize(LINE)

    assert (caught.value.http_status, caught.value.provider_code, caught.value.request_id) == (200, "1002", "trace-1")
    assert "slow down, [key]" in caught.value.message
    assert KEY not in caught.value.raw


def test_asking_again_names_the_same_id_after_a_new_upload_of_the_whole_file() -> None:
    request = clone()
    with minimax(UPLOADED, http(502), UPLOADED, refused(2039)) as (provider, stub):
        with pytest.raises(Ambiguous):
            provider.create_voice(request)
        finding = provider.reconcile_voice(Doubt(request, 1_500_000, None))

    assert paths(stub) == ["/v1/files/upload", "/v1/voice_clone"] * 2
    assert stub.requests[1].body == stub.requests[3].body
    assert b"RIFF\x00\xff" in stub.requests[2].body
    assert (finding.truth, finding.source) == (Truth.MADE, "same_id")
    assert finding.voice is not None
    assert (finding.voice.provider_voice_id, finding.voice.cost.charged_micros) == (ID, 0)


@pytest.mark.parametrize(
    ("code", "truth"),
    [(0, Truth.MADE), (2039, Truth.MADE), (2037, Truth.NOT_MADE), (2042, Truth.NOT_MADE), (1026, Truth.NOT_MADE),
     (1000, Truth.UNKNOWN), (1001, Truth.UNKNOWN), (1024, Truth.UNKNOWN)],
)  # fmt: skip
def test_each_answer_to_the_question_has_its_truth(code: int, truth: Truth) -> None:
    with minimax(UPLOADED, refused(code, "because")) as (provider, _):
        finding = provider.reconcile_voice(Doubt(clone(), 1_500_000, None))

    assert finding.truth is truth
    assert (finding.voice is None) is (truth is not Truth.MADE)
    assert ID in finding.told


def test_a_question_whose_upload_was_refused_says_nothing_about_the_voice() -> None:
    with minimax(refused(2013)) as (provider, stub), pytest.raises(Refused):
        provider.reconcile_voice(Doubt(clone(), 1_500_000, None))

    assert paths(stub) == ["/v1/files/upload"]


def test_a_reference_that_cannot_be_read_is_not_sent() -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError("disk")

    request = CloneRequest(Broken(), "m.wav", "audio/wav", "l", "voice_clone", ID)
    with minimax(UPLOADED) as (provider, stub), pytest.raises(NotSent):
        provider.create_voice(request)

    assert stub.requests == []


def test_voices_are_read_from_the_list_of_the_system() -> None:
    rows = [
        {"voice_id": "English_Gull", "voice_name": "Gull", "description": ["Loud.", "Old."]},
        {"voice_id": "English_Tern", "description": None},
        {"voice_name": "nobody"},
    ]
    with minimax({"system_voice": rows, "base_resp": OK}) as (provider, stub):
        gull, tern = provider.system_voices()

    assert (stub.requests[0].path, json.loads(stub.requests[0].body)) == ("/v1/get_voice", {"voice_type": "system"})
    assert (gull.name, gull.description, gull.category) == ("Gull", "Loud. Old.", "system")
    assert (tern.name, tern.description) == ("English_Tern", "")


def test_the_account_is_asked_for_though_it_tells_no_balance() -> None:
    with minimax({"voice_cloning": [], "base_resp": OK}) as (provider, stub):
        state = provider.account()

    assert stub.posts == 1
    assert (state.balance_micros, state.at_ms) == (None, NOON_MS)


def test_a_missing_key_names_the_variable() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        MiniMax(name="minimax", base_url="https://api.minimax.io/v1", api_key=" ")

    assert "MINIMAX_API_KEY" in str(caught.value.hint)
