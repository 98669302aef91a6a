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
    out = samples_of(join_segments([segment(loud(RATE), RATE), segment(loud(RATE), RATE)], 0.2))
    assert out.shape[1] == 2 * RATE + 9600
    assert out[0, 0] == out[0, -1] == 20_000
    assert abs(out[0, RATE - 1]) < 200
    assert (out[0, RATE : RATE + 9600] == 0).all()
    assert np.abs(np.diff(out[0].astype(int))).max() < 600


def test_stereo_stays_stereo() -> None:
    pcm = np.stack([loud(RATE)[0], -loud(RATE)[0]])
    out = samples_of(join_segments([segment(pcm, RATE), segment(pcm, RATE)], 0.1))
    assert out.shape == (2, 2 * RATE + 4800)
    assert (out[0, :1000] == 20_000).all()
    assert (out[1, :1000] == -20_000).all()
