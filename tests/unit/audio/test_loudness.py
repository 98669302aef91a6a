"""Levels against signals whose level is known, and against the reference table of ITU-R BS.1770 and EBU Tech 3341."""

import av
import numpy as np
import pytest

from pipeline.audio.bins import PowerBins
from pipeline.audio.loudness import LoudnessMeter, Samples, channel_weights
from tests.support.recordings import Sound, noise, silence, speech_like, tone

STEREO = ("FL", "FR")
RATES = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


def loudness(
    sound: Sound, rate: int = 48_000, channels: tuple[str, ...] | None = None, piece: int = 4800
) -> float | None:
    samples: Samples = np.atleast_2d(sound)
    names = channels or (("FC",) if len(samples) == 1 else STEREO)
    meter = LoudnessMeter(rate, channel_weights(names))
    for at in range(0, samples.shape[1], piece):
        meter.feed(samples[:, at : at + piece])
    return meter.integrated()


def test_a_full_scale_1_khz_sine_in_one_channel_reads_minus_3_01() -> None:
    assert loudness(tone(5)) == pytest.approx(-3.01, abs=0.02)


def test_the_same_sine_in_both_channels_reads_0() -> None:
    assert loudness(np.stack([tone(5), tone(5)])) == pytest.approx(0.0, abs=0.02)


def test_a_minus_23_dbfs_stereo_sine_reads_minus_23_lufs() -> None:
    quiet = tone(20, dbfs=-23)
    assert loudness(np.stack([quiet, quiet])) == pytest.approx(-23.0, abs=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_every_sample_rate_reads_the_same(rate: int) -> None:
    assert loudness(tone(4, rate, dbfs=-20), rate) == pytest.approx(-23.0, abs=0.06)


def test_the_surround_channels_count_more_and_the_low_frequency_channel_nothing() -> None:
    layout = ("FL", "FR", "FC", "LFE", "BL", "BR")
    only = {name: np.zeros((6, 96_000), np.float32) for name in layout}
    for index, name in enumerate(layout):
        only[name][index] = tone(2, dbfs=-20)
    assert loudness(only["BL"], channels=layout) == pytest.approx(-23.01 + 1.49, abs=0.02)
    assert loudness(only["FC"], channels=layout) == pytest.approx(-23.01, abs=0.02)
    assert loudness(only["LFE"], channels=layout) is None


def test_the_relative_gate_leaves_quiet_passages_out() -> None:
    """EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 dBFS read -23 LUFS."""
    case = np.concatenate([tone(10, dbfs=-36), tone(60, dbfs=-23), tone(10, dbfs=-36)])
    assert loudness(np.stack([case, case])) == pytest.approx(-23.0, abs=0.1)


def test_the_absolute_gate_leaves_near_silence_out() -> None:
    """EBU Tech 3341, case 4: as case 3, with 10 s at -72 dBFS on either side."""
    levels = [(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)]
    case = np.concatenate([tone(seconds, dbfs=dbfs) for seconds, dbfs in levels])
    assert loudness(np.stack([case, case])) == pytest.approx(-23.0, abs=0.1)


def test_silence_and_less_than_a_block_have_no_loudness() -> None:
    assert loudness(silence(3)) is None
    assert loudness(tone(0.3)) is None


def test_the_size_of_the_pieces_makes_no_difference() -> None:
    speech = speech_like(5)
    whole = loudness(speech, piece=len(speech))
    assert whole is not None
    assert loudness(speech, piece=997) == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_speech_and_noise_read_what_libavfilter_reads(rate: int) -> None:
    for sound in (speech_like(12, rate), noise(12, rate, dbfs=-30)):
        assert loudness(sound, rate) == pytest.approx(_ebur128(sound, rate), abs=0.02)


@pytest.mark.parametrize("rate", [11_025, 22_050, 48_000])
def test_bins_never_drift_from_the_clock(rate: int) -> None:
    bins = PowerBins(rate, 100)
    powers = np.arange(10 * rate, dtype=np.float32) // rate
    for at in range(0, len(powers), 333):
        bins.feed(powers[at : at + 333])
    means = bins.means()
    assert len(means) == 1000
    assert means[::100] == pytest.approx(np.arange(10), abs=0.01)
    assert means[99::100] == pytest.approx(np.arange(10), abs=0.01)


def _ebur128(sound: Sound, rate: int) -> float:
    graph = av.filter.Graph()
    source = graph.add("abuffer", f"sample_rate={rate}:sample_fmt=fltp:channel_layout=mono:time_base=1/{rate}")
    meter, sink = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    last = {}
    while True:
        try:
            last = dict(graph.pull().metadata)
        except (av.error.BlockingIOError, av.error.EOFError):
            return float(last["lavfi.r128.I"])
