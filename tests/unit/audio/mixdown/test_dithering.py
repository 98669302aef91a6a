"""What rounding to 16 bits adds to a tone that is hardly louder than its steps."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import CODINGS, Tags
from pipeline.audio.mixdown.dithering import Dither
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.mixdown.writing import episode_file

STEP = 2**-15
HERTZ = 997
HARMONICS = [HERTZ * number for number in (2, 3, 5, 7, 9)]
NOTHING_BUT_NOISE_DB = -40.0


def quiet_tone(seconds: int = 8) -> Samples:
    """A tone of three quarters of a step, which rounding turns into pulses."""
    at = np.arange(seconds * RATE) / RATE
    return (0.75 * STEP * np.sin(2 * np.pi * HERTZ * at)).astype(np.float32)[None]


def stored(folder: Path, sound: Samples, name: str) -> Samples:
    path = folder / f"tone.{CODINGS[name].suffix}"
    with episode_file(path, CODINGS[name], len(sound), Tags()) as file:
        for at in range(0, sound.shape[1], RATE):
            file.write(sound[:, at : at + RATE])
    return np.asarray(soundfile.read(path, dtype="float32", always_2d=True)[0].T)


def strongest_harmonic_db(sound: np.ndarray) -> float:
    """The strongest of the tone's harmonics, against the tone."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    lines = [power[round(hertz * len(sound) / RATE)] for hertz in (HERTZ, *HARMONICS)]
    return 10 * float(np.log10(max(lines[1:]) / lines[0]))


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_a_quiet_tone_is_stored_in_16_bits_without_distortion(tmp_path: Path, name: str) -> None:
    assert strongest_harmonic_db(stored(tmp_path, quiet_tone(), name)[0]) < NOTHING_BUT_NOISE_DB


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_control_without_noise_its_harmonics_are_nearly_as_loud_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Dither, "feed", lambda _self, block: block)
    assert strongest_harmonic_db(stored(tmp_path, quiet_tone(), name)[0]) > NOTHING_BUT_NOISE_DB + 20


def test_what_rounding_adds_is_as_strong_wherever_the_sound_stands_between_two_steps() -> None:
    powers = []
    for share in (0.0, 0.25, 0.5):
        level = np.full((1, 8 * RATE), (1 + share) * STEP, dtype=np.float32)
        error = np.rint(Dither(1).feed(level) / STEP) - level / STEP
        assert float(error.mean()) == pytest.approx(0, abs=0.01)
        powers.append(float(error.var()))
    assert powers == pytest.approx([0.25] * 3, rel=0.02)


def test_silence_stays_silence_and_a_soft_end_does_not(tmp_path: Path) -> None:
    sound = np.concatenate([quiet_tone(1), np.zeros((1, RATE), dtype=np.float32)], axis=1)
    out = stored(tmp_path, sound, "wav")[0]
    assert out[:RATE].any()
    assert not out[RATE + RATE // 100 :].any()


def test_channels_that_are_the_same_stay_the_same_and_others_get_noise_of_their_own() -> None:
    one = quiet_tone(1)
    same, other = Dither(2).feed(np.concatenate([one, one])), Dither(2).feed(np.concatenate([one, -one]))
    assert np.array_equal(same[0], same[1])
    noise = other - np.concatenate([one, -one])
    assert abs(float(np.corrcoef(noise)[0, 1])) < 0.02


def test_the_same_sound_gets_the_same_noise_and_24_bits_get_none(tmp_path: Path) -> None:
    first, again = stored(tmp_path, quiet_tone(1), "wav"), stored(tmp_path, quiet_tone(1), "wav")
    assert np.array_equal(first, again)
    assert np.abs(stored(tmp_path, quiet_tone(1), "wav_24") - quiet_tone(1)).max() <= 2**-23
