from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio.resampling import resample
from pipeline.sandbox.voice import SAMPLE_RATE, SpeakerEncoder

Hum = Callable[..., NDArray[np.float32]]
Talents = dict[str, NDArray[np.float32]]


def test_an_embedding_is_a_unit_vector_of_256(encoder: SpeakerEncoder, hum: Hum) -> None:
    embedding = encoder.embed(hum(120), SAMPLE_RATE)
    assert embedding.shape == (256,)
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("samples", [0, 10, 2_000])
def test_hardly_any_audio_still_gives_an_embedding(encoder: SpeakerEncoder, samples: int) -> None:
    assert np.isfinite(encoder.embed(np.full(samples, 0.1, np.float32), SAMPLE_RATE)).all()


def test_rate_and_level_do_not_change_the_speaker(encoder: SpeakerEncoder, talents: Talents) -> None:
    pcm = talents["mara"]
    same = encoder.embed(pcm, SAMPLE_RATE)
    assert encoder.embed(resample(pcm, SAMPLE_RATE, 16_000), 16_000) @ same > 0.99
    assert encoder.embed(0.1 * pcm, SAMPLE_RATE) @ same > 0.99


def test_two_halves_of_a_talent_are_nearer_than_any_two_talents(encoder: SpeakerEncoder, talents: Talents) -> None:
    firsts = np.array([encoder.embed(pcm[: len(pcm) // 2], SAMPLE_RATE) for pcm in talents.values()])
    seconds = np.array([encoder.embed(pcm[len(pcm) // 2 :], SAMPLE_RATE) for pcm in talents.values()])
    likeness = firsts @ seconds.T
    assert (likeness.argmax(axis=1) == np.arange(len(talents))).all()
    assert np.diag(likeness).min() > 0.85
    assert likeness[~np.eye(len(talents), dtype=bool)].max() < np.diag(likeness).min()
