import numpy as np
import pytest

from pipeline.sandbox.voice.catalogue import stock_measurements
from pipeline.sandbox.voice.styles import style_bank, style_map


def test_a_style_changes_smoothly_with_the_length_of_the_text() -> None:
    bank, style = style_bank(), style_bank().only("af_heart")
    near, far = bank.vector(style, 100), bank.vector(style, 101)
    assert near.shape == (256,)
    assert np.linalg.norm(near - far) < 0.05 * np.linalg.norm(near)
    assert np.array_equal(bank.vector(style, 510), bank.vector(style, 9_999))


def test_the_shares_of_a_blend_are_brought_to_one() -> None:
    style = style_bank().blend({"af_heart": 3, "bm_george": 1})
    assert sum(style.timbre) == pytest.approx(1)
    assert max(style.timbre) == pytest.approx(0.75)


def test_the_map_finds_a_stock_voice_again() -> None:
    known = stock_measurements()["bm_george"]
    style = style_map().style_of(np.array(known.embedding), known.measured.f0_hz)
    assert sum(style.timbre) == pytest.approx(1, abs=0.01)
    british_men = [i for i, name in enumerate(style_bank().names) if name.startswith("bm")]
    assert int(np.argmax(style.timbre)) in british_men


def test_the_same_embedding_gives_the_same_style() -> None:
    known = stock_measurements()["af_sky"]
    first, second = (style_map().style_of(np.array(known.embedding), known.measured.f0_hz) for _ in range(2))
    assert first == second
