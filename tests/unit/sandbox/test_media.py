import io

import av
import numpy as np
import pytest

from pipeline.sandbox import media
from pipeline.sandbox.media import FORMATS, NotAccepted, Unreadable

RATE = 24_000
SECONDS = 2.5
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(int(SECONDS * RATE)) / RATE)).astype(np.float32)


def m4a(pcm: np.ndarray) -> bytes:
    sink = io.BytesIO()
    with av.open(sink, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for each in (frame, None):
            container.mux(stream.encode(each))
    return sink.getvalue()


def pitch(pcm: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * rate / len(pcm))


@pytest.mark.parametrize("name", [name for name in FORMATS if name.startswith(("mp3", "wav"))])
def test_what_is_encoded_decodes_to_the_same_length_pitch_and_level(name: str) -> None:
    recording = media.decode(media.encode(TONE, RATE, FORMATS[name], "label"))
    assert recording.seconds == pytest.approx(SECONDS, abs=0.05)
    assert len(recording.pcm) / recording.rate == pytest.approx(recording.seconds, abs=0.01)
    assert pitch(recording.pcm, recording.rate) == pytest.approx(440, abs=1)
    # LAME lowers what it is given by 5 %, so that peaks survive the encoding.
    assert np.sqrt(np.mean(recording.pcm**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100])
def test_raw_pcm_is_little_endian_at_the_rate_its_name_says(rate: int) -> None:
    raw = np.frombuffer(media.encode(TONE, RATE, FORMATS[f"pcm_{rate}"], ""), "<i2") / 32768
    assert len(raw) == pytest.approx(SECONDS * rate, abs=rate * 0.01)
    assert pitch(raw, rate) == pytest.approx(440, abs=1)


def test_mu_law_is_a_byte_a_sample_at_8_khz() -> None:
    raw = media.encode(TONE, RATE, FORMATS["ulaw_8000"], "")
    assert len(raw) == pytest.approx(SECONDS * 8000, abs=80)


@pytest.mark.parametrize(
    ("name", "bits"), [("mp3_44100_128", 128_000), ("mp3_44100_192", 192_000), ("mp3_22050_32", 32_000)]
)
def test_mp3_has_the_rate_and_bit_rate_its_name_says(name: str, bits: int) -> None:
    with av.open(io.BytesIO(media.encode(TONE, RATE, FORMATS[name], "label"))) as container:
        stream = container.streams.audio[0]
        assert stream.rate == int(name.split("_")[1])
        assert stream.codec_context.bit_rate == bits


@pytest.mark.parametrize("name", ["mp3", "wav"])
def test_the_label_travels_in_the_file(name: str) -> None:
    with av.open(io.BytesIO(media.encode(TONE, RATE, FORMATS[name], "not for release"))) as container:
        assert container.metadata["comment"] == "not for release"


def test_louder_than_full_scale_is_cut_and_does_not_wrap() -> None:
    raw = np.frombuffer(media.encode(TONE * 10, RATE, FORMATS["pcm_24000"], ""), "<i2")
    assert raw.max() == 32767
    assert raw.min() >= -32768
    assert np.abs(np.diff(raw.astype(int))).max() < 20_000


def test_m4a_is_read() -> None:
    recording = media.decode(m4a(TONE))
    assert recording.seconds == pytest.approx(SECONDS, abs=0.1)
    assert pitch(recording.pcm, recording.rate) == pytest.approx(440, abs=1)


def test_the_length_is_what_decodes_and_not_what_the_header_claims() -> None:
    whole = media.encode(TONE, RATE, FORMATS["mp3"], "")
    assert media.decode(whole[: len(whole) // 2]).seconds == pytest.approx(SECONDS / 2, abs=0.2)


def test_reading_stops_soon_after_the_longest_reference_allowed() -> None:
    hour = media.encode(np.zeros(3600 * 8000, np.float32), 8000, FORMATS["ulaw_8000"], "")
    recording = media.decode(_mu_law_wav(hour))
    assert 300 < recording.seconds < 320


def _mu_law_wav(raw: bytes) -> bytes:
    fmt = b"fmt " + (18).to_bytes(4, "little") + b"\x07\x00\x01\x00" + (8000).to_bytes(4, "little") * 2
    chunks = fmt + b"\x01\x00\x08\x00\x00\x00" + b"data" + len(raw).to_bytes(4, "little") + raw
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WAVE" + chunks


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"PK\x03\x04" + bytes(500), b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile x.wav\n"],
    ids=["nothing", "a byte", "zip", "playlist", "concat list"],
)
def test_what_is_no_audio_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        media.decode(data)


@pytest.mark.parametrize(
    "data", [b"RIFF\x10\x00\x00\x00WAVE", b"\x00\x00\x00\x18ftypM4A \x00\x00", b"ID3\x04" + bytes(99)]
)
def test_a_head_without_a_body_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        media.decode(data)


@pytest.mark.parametrize("magic", [b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"#!AMR"])
def test_other_audio_is_not_accepted(magic: bytes) -> None:
    with pytest.raises(NotAccepted, match="MP3, WAV and M4A"):
        media.decode(magic + bytes(100))


def test_a_film_is_not_accepted() -> None:
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(NotAccepted, match="video"):
        media.decode(sink.getvalue())
