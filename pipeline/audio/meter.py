import numpy as np
import numpy.typing as npt

from pipeline.audio.activity import WINDOWS_PER_SECOND, Activity, decibels, find_activity, noise_floor_dbfs
from pipeline.audio.bins import PowerBins
from pipeline.audio.levels import Levels
from pipeline.audio.loudness import LoudnessMeter, Samples, channel_weights
from pipeline.audio.peaks import ClipCounter, PeakMeter


class Meter:
    """Measures everything we want to know of a sound in one pass, in constant memory.

    Feed it pieces of a second or so; small pieces cost time.
    """

    def __init__(self, rate: int, channels: tuple[str, ...] = ("FC",), *, floating: bool = False) -> None:
        self.samples = 0
        self.channel_energy: npt.NDArray[np.float64] = np.zeros(len(channels))
        self._rate = rate
        self._loudness = LoudnessMeter(rate, channel_weights(channels))
        self._peaks = PeakMeter(rate, len(channels))
        self._clips = ClipCounter(len(channels), floating=floating)
        self._windows = PowerBins(rate, WINDOWS_PER_SECOND)

    def feed(self, samples: Samples) -> None:
        """Take the next samples, shaped (channels, samples)."""
        self.samples += samples.shape[1]
        self._loudness.feed(samples)
        self._peaks.feed(samples)
        self._clips.feed(samples)
        squares = np.square(samples)
        self.channel_energy += squares.sum(axis=1, dtype=np.float64)
        self._windows.feed(squares.mean(axis=0))

    def activity(self) -> Activity:
        """Return where there is speech."""
        return find_activity(self._windows.means())

    def levels(self) -> Levels:
        """Return the measurement of all that was fed."""
        windows = self._windows.means()
        true_peak = self._peaks.true_peak()
        return Levels(
            seconds=self.samples / self._rate,
            lufs=self._loudness.integrated(),
            true_peak_dbtp=decibels(true_peak**2),
            sample_peak_dbfs=decibels(self._peaks.sample_peak**2),
            clipping_share=self._clips.clipped / max(1, self.samples * len(self.channel_energy)),
            silence_share=find_activity(windows).silence_share,
            noise_floor_dbfs=noise_floor_dbfs(windows),
        )
