import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline.audio import (
    AudioRejected,
    Coding,
    SpeechFormat,
    count_speech_seconds,
    decode_speech,
    encode_speech,
    join,
    measure_speech,
    parse_format,
    probe_speech,
    silence_share,
)
from pipeline.audio.mpeg import count_seconds
from pipeline.audio.ulaw import decode, encode
from pipeline.errors import UsageError
from tests.support.recordings import (
    mp3_bytes,
    pcm_bytes,
    silence,
    speech_like,
    tagged,
    tone,
    truncated,
    wav_bytes,
    with_cover,
    xing_claims,
)

FORMATS = ["mp3", "mp3_44100_128", "mp3_22050_32", "wav", "wav_24000", "m4a", "pcm_16000", "pcm_24000", "ulaw_8000"]
SPEECH = speech_like(5, 44_100)


def spoken(format_name: str, seconds: float = 5) -> bytes:
    return encode_speech(SPEECH[None, : round(seconds * 44_100)], 44_100, format_name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mp3", SpeechFormat(Coding.MP3, 44_100, 128_000)),
        ("mp3_22050_32", SpeechFormat(Coding.MP3, 22_050, 32_000)),
        ("pcm", SpeechFormat(Coding.PCM, 24_000)),
        ("pcm_16000", SpeechFormat(Coding.PCM, 16_000)),
        ("ulaw_8000", SpeechFormat(Coding.ULAW, 8_000)),
    ],
)
def test_format_names_are_read(name: str, expected: SpeechFormat) -> None:
    assert parse_format(name) == expected


@pytest.mark.parametrize("name", ["", "ogg", "mp3_", "mp3_loud", "pcm_0000", "../mp3", "mp3_44100_128_9"])
def test_an_unknown_format_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_format(name)
    assert "pcm_24000" in caught.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_a_take_is_recognised_and_measured_in_every_format(name: str) -> None:
    audio = spoken(name)
    probe, levels = probe_speech(audio, name), measure_speech(audio, name)
    assert probe.coding == parse_format(name).coding
    assert probe.sample_rate == parse_format(name).rate
    assert probe.channels == 1
    assert probe.seconds == pytest.approx(5, abs=0.08)
    assert levels.seconds == pytest.approx(5, abs=0.08)
    assert levels.lufs == pytest.approx(-21.3, abs=1.0)
    assert levels.silence_share < 0.03


def test_probing_a_five_second_mp3_takes_under_five_milliseconds() -> None:
    audio = spoken("mp3")
    best = min(_seconds_to_probe(audio) for _ in range(10))
    assert best < 0.005


def _seconds_to_probe(audio: bytes) -> float:
    start = time.process_time()
    probe_speech(audio, "mp3")
    return time.process_time() - start


def test_what_a_header_claims_does_not_count() -> None:
    assert probe_speech(xing_claims(spoken("mp3"), 20), "mp3").seconds == pytest.approx(5, abs=0.08)
    assert probe_speech(truncated(spoken("mp3"), 0.5), "mp3").seconds == pytest.approx(2.5, abs=0.2)
    assert probe_speech(truncated(spoken("wav"), 0.5), "wav").seconds == pytest.approx(2.5, abs=0.2)


MP3, SLOWER = encode_speech(SPEECH[None], 44_100, "mp3"), mp3_bytes(SPEECH[::2], 22_050)


@pytest.mark.parametrize("name", FORMATS)
def test_the_seconds_alone_are_those_of_the_probe(name: str) -> None:
    audio = spoken(name)
    assert count_speech_seconds(audio, name) == pytest.approx(probe_speech(audio, name).seconds, abs=1e-6)


@pytest.mark.parametrize(
    "audio",
    [
        MP3,
        SLOWER,
        mp3_bytes(np.stack([SPEECH, SPEECH])),
        tagged(MP3, "words"),
        with_cover(MP3),
        MP3 + b"TAG" + bytes(125),
        xing_claims(MP3, 20),
    ],
    ids=["speech", "another rate", "stereo", "tagged", "cover", "old tag", "false claims"],
)
def test_the_frames_of_an_mp3_are_counted(audio: bytes) -> None:
    assert count_seconds(audio) == pytest.approx(probe_speech(audio, "mp3").seconds, abs=1e-6)


@pytest.mark.parametrize(
    "audio",
    [
        truncated(MP3, 0.5),
        MP3 + b"{}" * 40,
        MP3[:9_000] + b"junk" * 25 + MP3[9_000:],
        MP3 + SLOWER,
        MP3[:-1],
        MP3 + bytes(1_000),
    ],
    ids=["cut", "words after", "junk within", "two rates", "a byte short", "zeros after"],
)
def test_where_there_is_more_than_frames_the_decoder_is_asked(audio: bytes) -> None:
    assert count_seconds(audio) is None
    assert count_speech_seconds(audio, "mp3") == probe_speech(audio, "mp3").seconds


@pytest.mark.parametrize(
    "audio", [b"", b"ID3\x03\0\0\0\0\0\0", b"\xff\xfb", bytes(500), b"ID3\x03\0\0\x7f\x7f\x7f\x7f"]
)
def test_without_a_frame_nothing_is_counted(audio: bytes) -> None:
    assert count_seconds(audio) is None
    with pytest.raises(AudioRejected):
        count_speech_seconds(audio, "mp3")


def test_content_decides_between_containers() -> None:
    assert probe_speech(spoken("wav"), "mp3").coding is Coding.WAV
    assert probe_speech(spoken("wav"), "pcm_24000").coding is Coding.WAV


@pytest.mark.parametrize("name", ["mp3", "wav", "m4a", "pcm_24000", "ulaw_8000"])
@pytest.mark.parametrize(
    "body", [b"", b'{"error": {"code": "overloaded"}}', b"<html><body>502</body></html>"], ids=["empty", "json", "html"]
)
def test_an_answer_that_is_no_audio_is_refused(name: str, body: bytes) -> None:
    for use in (probe_speech, count_speech_seconds, measure_speech, silence_share):
        with pytest.raises(AudioRejected) as caught:
            use(body, name)
        assert caught.value.problems[0].code == "not_audio"


@pytest.mark.parametrize(
    ("body", "name"),
    [(wav_bytes(silence(0)), "wav"), (b"ID3\x03\0\0\0\0\0\0" + bytes(500), "mp3"), (b"\0", "pcm_24000")],
    ids=["wav", "mp3", "pcm"],
)
def test_a_take_without_any_sound_is_refused(body: bytes, name: str) -> None:
    for use in (probe_speech, measure_speech):
        with pytest.raises(AudioRejected):
            use(body, name)


def test_loudness_is_not_defined_for_a_bark() -> None:
    levels = measure_speech(spoken("wav", 0.3), "wav")
    assert levels.lufs is None
    assert levels.true_peak_dbtp > -20


def test_the_share_of_silence_of_a_take() -> None:
    audio = pcm_bytes(np.concatenate([SPEECH[:44_100], silence(1, 44_100)]))
    assert silence_share(audio, "pcm_44100") == pytest.approx(0.5, abs=0.02)


def test_decoded_speech_is_mono_at_its_own_rate() -> None:
    samples, rate = decode_speech(wav_bytes(np.stack([SPEECH, SPEECH]), 44_100), "wav")
    assert rate == 44_100
    assert samples.shape == (1, len(SPEECH))
    assert np.abs(samples[0] - SPEECH).max() < 1e-4


@pytest.mark.parametrize("name", FORMATS)
def test_parts_of_a_line_are_joined_in_their_format(name: str) -> None:
    parts = [spoken(name, seconds) for seconds in (1, 2, 1.5)]
    joined = join(parts, name)
    probe = probe_speech(joined, name)
    assert probe.coding == parse_format(name).coding
    assert probe.seconds == pytest.approx(4.5 + 2 * 0.2, abs=0.2)


def test_the_silence_between_two_parts_is_the_one_that_is_asked_for_there() -> None:
    parts = [pcm_bytes(tone(1, 24_000, hertz=300, dbfs=-6)) for _ in range(3)]
    joined = probe_speech(join(parts, "pcm_24000", (1.5, None)), "pcm_24000")
    assert joined.seconds == pytest.approx(3 + 1.5 + 0.2, abs=0.01)


def test_a_join_does_not_click() -> None:
    parts = [pcm_bytes(tone(1, 24_000, hertz=300, dbfs=-6, phase=1.0)) for _ in range(3)]
    samples, _ = decode_speech(join(parts, "pcm_24000", gap_seconds=0.1), "pcm_24000")
    steepest = np.abs(np.diff(tone(1, 24_000, hertz=300, dbfs=-6))).max()
    assert np.abs(np.diff(samples[0])).max() <= steepest * 1.05


def test_one_part_is_returned_as_it_is() -> None:
    part = spoken("mp3")
    assert join([part], "mp3") is part


def test_no_parts_cannot_be_joined() -> None:
    with pytest.raises(UsageError):
        join([], "mp3")


def test_parts_of_different_rates_are_refused() -> None:
    with pytest.raises(AudioRejected) as caught:
        join([spoken("mp3_44100_128"), spoken("mp3_22050_32")], "mp3")
    assert caught.value.problems[0].code == "mixed_parts"
    assert "22050" in caught.value.message


def test_a_stereo_answer_is_measured_with_both_channels() -> None:
    both = mp3_bytes(np.stack([SPEECH, SPEECH]), bit_rate=192_000)
    one = measure_speech(mp3_bytes(SPEECH, bit_rate=192_000), "mp3").lufs
    two = measure_speech(both, "mp3").lufs
    assert one is not None
    assert two == pytest.approx(one + 3.01, abs=0.5)


def test_mu_law_codes_survive_a_round_trip_and_follow_the_standard() -> None:
    codes = bytes(range(256))
    once = decode(codes)
    assert decode(encode(once)).tolist() == once.tolist()
    assert decode(b"\x00\x80\xff").tolist() == [-32124, 32124, 0]
    assert once.max() == 32124


def test_naming_the_room_loads_nothing_heavy() -> None:
    code = "import sys, pipeline.audio; print([m for m in ('numpy', 'av', 'pydub') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
