import numpy as np
import pytest

from pipeline.audio.editing import EDGE_FADE_MS, fade_edges, join_segments, samples_of, segment

RATE = 48_000
FADE = RATE * EDGE_FADE_MS // 1000


def loud(samples: int, channels: int = 1) -> np.ndarray:
    return np.full((channels, samples), 20_000, np.int16)


@pytest.mark.parametrize(
    "blocks", [[RATE], [RATE, RATE], [RATE, RATE, 100], [RATE, 50, 60, RATE], [RATE - 17, RATE + 5]]
)
def test_only_the_outer_edges_are_faded(blocks: list[int]) -> None:
    out = np.concatenate(list(fade_edges([loud(count) for count in blocks], RATE)), axis=1)
    assert sum(blocks) - RATE // 1000 < out.shape[1] <= sum(blocks)
    assert abs(out[0, 0]) < 200
    assert abs(out[0, -1]) < 2500
    assert (out[0, FADE + 1 : -FADE - 1] == 20_000).all()


def test_nothing_to_fade_is_nothing() -> None:
    assert list(fade_edges([], RATE)) == []


def test_joined_parts_keep_their_outer_ends_and_fade_where_they_meet() -> None:
    out = samples_of(join_segments([segment(loud(RATE), RATE), segment(loud(RATE), RATE)], [0.2]))
    assert out.shape[1] == 2 * RATE + 9600
    assert out[0, 0] == out[0, -1] == 20_000
    assert abs(out[0, RATE - 1]) < 200
    assert (out[0, RATE : RATE + 9600] == 0).all()
    assert np.abs(np.diff(out[0].astype(int))).max() < 600


def test_stereo_stays_stereo() -> None:
    pcm = np.stack([loud(RATE)[0], -loud(RATE)[0]])
    out = samples_of(join_segments([segment(pcm, RATE), segment(pcm, RATE)], [0.1]))
    assert out.shape == (2, 2 * RATE + 4800)
    assert (out[0, :1000] == 20_000).all()
    assert (out[1, :1000] == -20_000).all()


def spoken(lead: float, seconds: float, trail: float, dbfs: float) -> np.ndarray:
    """Noise as loud as a voice, with the silence around it that a speech engine leaves."""
    noise = np.random.default_rng(7).normal(size=round(seconds * RATE))
    noise *= 10 ** (dbfs / 20) / np.sqrt(np.mean(noise**2))
    room = np.random.default_rng(8).normal(size=round((lead + seconds + trail) * RATE)) * 10 ** (-75 / 20)
    room[round(lead * RATE) :][: len(noise)] += noise
    return np.asarray(np.clip(room[None] * 32_768, -32_768, 32_767), np.int16)


def seam(*parts: np.ndarray, gap: float = 0.2) -> np.ndarray:
    joined = samples_of(join_segments([segment(part, RATE) for part in parts], [gap] * (len(parts) - 1)))
    return np.asarray(joined[0] / 32_768)


def silence_seconds(sound: np.ndarray) -> float:
    """The longest stretch of 5 ms windows below -50 dBFS."""
    windows = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    quiet = np.sqrt(np.mean(windows**2, axis=1)) < 10 ** (-50 / 20)
    runs = np.split(quiet, np.flatnonzero(np.diff(quiet)) + 1)
    return max(len(run) for run in runs if run[0]) * 0.005


def test_the_silence_at_a_join_is_as_long_as_asked_however_much_the_parts_bring() -> None:
    joined = seam(spoken(0.1, 2, 0.9, -20), spoken(0.6, 2, 0.1, -20))
    assert silence_seconds(joined[RATE:-RATE]) == pytest.approx(0.2 + 0.08, abs=0.03)
    plain = np.concatenate([spoken(0.1, 2, 0.9, -20)[0], np.zeros(9600), spoken(0.6, 2, 0.1, -20)[0]]) / 32_768
    assert silence_seconds(plain[RATE:-RATE]) == pytest.approx(1.7, abs=0.03)


def test_the_silence_at_the_outer_ends_stays() -> None:
    joined = seam(spoken(0.5, 2, 0.9, -20), spoken(0.6, 2, 0.7, -20))
    assert len(joined) / RATE == pytest.approx(0.5 + 2 + 0.04 + 0.2 + 0.04 + 2 + 0.7, abs=0.03)


@pytest.mark.parametrize(("second", "apart"), [(-22.5, 0.0), (-17.5, 0.0), (-30.0, 4.0)])
def test_parts_are_brought_together_in_level_by_three_decibels_at_most(second: float, apart: float) -> None:
    joined = seam(spoken(0.1, 2, 0.1, -20), spoken(0.1, 2, 0.1, second))
    before, after = joined[RATE // 2 : 2 * RATE], joined[-2 * RATE : -RATE // 2]
    levels = [10 * np.log10(np.mean(part**2)) for part in (before, after)]
    assert levels[0] - levels[1] == pytest.approx(apart, abs=0.2)


def test_nothing_is_raised_into_clipping() -> None:
    quiet = spoken(0.1, 2, 0.1, -23)
    quiet[0, RATE] = 32_000
    joined = seam(spoken(0.1, 2, 0.1, -20), quiet)
    assert np.abs(joined).max() <= 32_001 / 32_768


def test_a_part_without_speech_is_left_whole() -> None:
    joined = seam(spoken(0.1, 2, 0.1, -20), np.zeros((1, RATE), np.int16), spoken(0.1, 2, 0.1, -20))
    assert silence_seconds(joined) == pytest.approx(1 + 2 * 0.2 + 0.08, abs=0.03)
