import numpy as np
import numpy.typing as npt

from pipeline.audio.activity import WINDOWS_PER_SECOND, Activity, decibels, find_activity, noise_floor_dbfs
from pipeline.audio.bins import PowerBins
from pipeline.audio.levels import Levels
from pipeline.audio.loudness import LoudnessMeter, Samples, channel_weights
from pipeline.audio.peaks import ClipCounter, TruePeakMeter


class Gauge:
    """Measures loudness, sample peak and speech activity in one pass and constant memory.

    Feed it pieces of a second or so; small pieces cost time.
    """

    def __init__(self, rate: int, channels: tuple[str, ...] = ("FC",)) -> None:
        self.rate = rate
        self.samples = 0
        self.sample_peak = 0.0
        self.channel_energy: npt.NDArray[np.float64] = np.zeros(len(channels))
        self._loudness = LoudnessMeter(rate, channel_weights(channels))
        self._windows = PowerBins(rate, WINDOWS_PER_SECOND)
        self._average = np.full(len(channels), 1 / len(channels), dtype=np.float32)

    @property
    def seconds(self) -> float:
        """How much was fed."""
        return self.samples / self.rate

    def feed(self, samples: Samples) -> None:
        """Take the next samples, shaped (channels, samples)."""
        self.samples += samples.shape[1]
        self.sample_peak = max(self.sample_peak, float(samples.max()), -float(samples.min()))
        self.channel_energy += [float(channel @ channel) for channel in samples]
        self._loudness.feed(samples)
        self._windows.feed(np.asarray(self._average @ np.square(samples)))

    def activity(self) -> Activity:
        """Return where there is speech."""
        return find_activity(self._windows.means())

    def lufs(self) -> float | None:
        """Return the integrated loudness of all that was fed."""
        return self._loudness.integrated()


class Meter(Gauge):
    """Measures everything we report of a recording: what `Gauge` does, true peak and clipping."""

    def __init__(self, rate: int, channels: tuple[str, ...] = ("FC",), *, floating: bool = False) -> None:
        super().__init__(rate, channels)
        self._true_peak = TruePeakMeter(rate, len(channels))
        self._clips = ClipCounter(len(channels), floating=floating)

    def feed(self, samples: Samples) -> None:
        """Take the next samples, shaped (channels, samples)."""
        super().feed(samples)
        self._true_peak.feed(samples)
        self._clips.feed(samples)

    def levels(self) -> Levels:
        """Return the measurement of all that was fed."""
        windows = self._windows.means()
        true_peak = max(self._true_peak.amplitude(), self.sample_peak)
        return Levels(
            seconds=self.seconds,
            lufs=self.lufs(),
            true_peak_dbtp=decibels(true_peak**2),
            sample_peak_dbfs=decibels(self.sample_peak**2),
            clipping_share=self._clips.clipped / max(1, self.samples * len(self.channel_energy)),
            silence_share=find_activity(windows).silence_share,
            noise_floor_dbfs=noise_floor_dbfs(windows),
        )
