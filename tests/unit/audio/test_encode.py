import hashlib
from io import BytesIO

import numpy as np
import pytest

from pipeline.audio import Container, ReferenceRules
from pipeline.audio.decode import read_all
from pipeline.audio.encode import Encoding, choose_encoding, resample, to_pcm, write
from tests.support.recordings import speech_like, tone

LIMIT = ReferenceRules().provider_max_bytes


@pytest.mark.parametrize(
    ("seconds", "rate", "container", "chosen"),
    [
        (30, 48_000, Container.WAV, 48_000),
        (30, 44_100, Container.WAV, 44_100),
        (109, 48_000, Container.WAV, 48_000),
        (110, 48_000, Container.WAV, 44_100),
        (150, 48_000, Container.WAV, 32_000),
        (218, 48_000, Container.WAV, 24_000),
        (219, 48_000, Container.M4A, 48_000),
        (299.9, 48_000, Container.M4A, 48_000),
        (299.9, 16_000, Container.WAV, 16_000),
        (299.9, 22_050, Container.M4A, 22_050),
    ],
)
def test_uncompressed_comes_first_and_a_high_bit_rate_second(
    seconds: float, rate: int, container: Container, chosen: int
) -> None:
    encoding = choose_encoding(seconds, rate, LIMIT)
    assert (encoding.container, encoding.sample_rate) == (container, chosen)
    assert encoding.reason
    if container is Container.WAV:
        assert 44 + 2 * chosen * seconds <= LIMIT
    else:
        assert 128_000 <= (encoding.bit_rate or 0) <= LIMIT * 8 / seconds


def test_a_bit_rate_never_passes_what_an_aac_frame_holds() -> None:
    assert choose_encoding(290, 22_050, 8_000_000).bit_rate == 128_000
    assert choose_encoding(1200, 8_000, 1_000_000).bit_rate == 64_000


@pytest.mark.parametrize(
    ("container", "codec", "bit_rate", "tolerance_db"),
    [
        (Container.WAV, "pcm_s16le", None, -72),
        (Container.MP3, "libmp3lame", 192_000, -20),
        (Container.M4A, "aac", 192_000, -30),
    ],
)
def test_what_is_written_is_read_back(
    container: Container, codec: str, bit_rate: int | None, tolerance_db: float
) -> None:
    sound, target = speech_like(2, 44_100), BytesIO()
    write(target, Encoding(container, codec, 44_100, bit_rate), [to_pcm(sound[None, :])])
    back, facts = read_all(target.getvalue(), container, max_seconds=10)
    assert facts.sample_rate == 44_100
    both = min(len(sound), back.shape[1])
    error = np.mean(np.square(back[0, :both] - sound[:both])) / np.mean(np.square(sound[:both]))
    assert 10 * np.log10(error) < tolerance_db


def test_equal_sound_makes_equal_bytes() -> None:
    digests = set()
    for _ in range(2):
        target = BytesIO()
        write(target, Encoding(Container.M4A, "aac", 44_100, 128_000), [to_pcm(tone(1, 44_100)[None, :])])
        digests.add(hashlib.sha256(target.getvalue()).hexdigest())
    assert len(digests) == 1


def test_a_wav_has_the_plain_header_of_44_bytes() -> None:
    target = BytesIO()
    write(target, Encoding(Container.WAV, "pcm_s16le", 8000), [np.zeros((1, 800), np.int16)])
    assert len(target.getvalue()) == 44 + 1600


def test_resampling_keeps_level_and_length() -> None:
    sound = tone(3, 48_000, hertz=440, dbfs=-6)[None, :]
    blocks = [sound[:, at : at + 48_000] for at in range(0, sound.shape[1], 48_000)]
    out = np.concatenate(list(resample(blocks, 48_000, 32_000)), axis=1)
    assert out.shape[1] == pytest.approx(3 * 32_000, abs=32)
    assert np.abs(out[0, 1000:-1000]).max() == pytest.approx(0.501, abs=0.005)


def test_pcm_is_held_at_full_scale() -> None:
    assert to_pcm(np.array([[1.5, -1.5, 0.5]], np.float32)).tolist() == [[32767, -32768, 16384]]
