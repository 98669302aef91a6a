"""Hears a whole stream, and gives one to several hearers at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from pipeline.audio.activity import decibels
from pipeline.audio.delivery import Heard
from pipeline.audio.loudness import LoudnessMeter, Samples, channel_weights
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.peaks import TruePeakMeter

SPEAKERS = {1: ("FC",), 2: ("FL", "FR")}
Progress = Callable[[str, float, float], None]
"""Told what is being done (`survey`, `measure`, `write`, `check`), how much of it, of how much (seconds, takes)."""


class Ear:
    """Measures loudness, mean power and true peak of what it is fed."""

    def __init__(self, channels: int) -> None:
        self._loudness = LoudnessMeter(RATE, channel_weights(SPEAKERS[channels]))
        self._peaks = TruePeakMeter(RATE, channels)
        self._samples, self._energy = 0, 0.0

    def feed(self, block: Samples) -> None:
        """Take the next samples at `RATE`."""
        self._loudness.feed(block)
        self._peaks.feed(block)
        self._samples += block.shape[1]
        self._energy += sum(float(channel @ channel) for channel in block)

    def heard(self) -> Heard:
        """Return the measurement of all that was fed."""
        power = self._energy / max(1, self._samples)
        peak = decibels(self._peaks.amplitude() ** 2)
        return Heard(self._samples / RATE, self._loudness.integrated(), decibels(power), peak)


def spread(blocks: Iterable[Samples], hearers: Sequence[Callable[[Samples], None]]) -> None:
    """Give each block to every hearer, each in its own thread, while the next block is being made."""
    with ThreadPoolExecutor(max(1, len(hearers))) as pool:
        under_way: list[Future[None]] = []
        for block in blocks:
            _settle(under_way)
            under_way = [pool.submit(hearer, block) for hearer in hearers]
        _settle(under_way)


def counted(blocks: Iterable[Samples], what: str, seconds: float, progress: Progress) -> Iterator[Samples]:
    """Yield the blocks and tell how far they are."""
    done = 0
    for block in blocks:
        yield block
        done += block.shape[1]
        progress(what, done / RATE, seconds)


def _settle(under_way: Sequence[Future[None]]) -> None:
    wait(under_way)
    for future in under_way:
        future.result()
