"""One pass over one stream: what is heard at a time is open, everything else is not."""

from collections.abc import Iterator

import numpy as np

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.fading import Ducking, fade_samples, faded
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Part, Score, samples

BLOCK = RATE
"""A second at a time: the meters are slow with less."""


def mix(score: Score) -> Iterator[Samples]:
    """Yield the mix in blocks of `BLOCK` samples, the last one shorter. The same score gives the same samples.

    Raises `AudioRejected` where a sound cannot be read, and `OSError`.
    """
    waiting = sorted(score.parts, key=lambda part: part.start, reverse=True)
    ducking = Ducking(score.speech)
    playing: list[_Playing] = []
    for at in range(0, score.samples, BLOCK):
        block = np.zeros((score.channels, min(BLOCK, score.samples - at)), dtype=np.float32)
        while waiting and samples(waiting[-1].start) < at + block.shape[1]:
            playing.append(_Playing(waiting.pop(), score.channels))
        for part in playing:
            part.add_to(block, at, ducking)
        playing = [part for part in playing if part.end > at + block.shape[1]]
        yield block


class _Playing:
    """A part that is being heard; sound that is shorter than announced ends in silence."""

    def __init__(self, part: Part, channels: int) -> None:
        self._part = part
        self.start, self.length = samples(part.start), samples(part.seconds)
        self.end = self.start + self.length
        self._fades = fade_samples(part.fade_in, self.length), fade_samples(part.fade_out, self.length)
        self._gain = np.float32(10 ** (part.gain_db / 20))
        self._blocks = read_sound(part.sound, channels, part.first)
        self._held: Samples = np.zeros((1, 0), dtype=np.float32)

    def add_to(self, block: Samples, at: int, ducking: Ducking) -> None:
        """Add what falls into the block that begins at the mix's sample `at`."""
        begin, end = max(self.start, at), min(self.end, at + block.shape[1])
        sound = self._take(end - begin) * self._gain
        sound = faded(sound, begin - self.start, self.length, *self._fades)
        if self._part.duck_db < 0:
            sound = sound * ducking.gains(begin, sound.shape[1], self._part.duck_db)
        block[:, begin - at : begin - at + sound.shape[1]] += sound

    def _take(self, count: int) -> Samples:
        while self._held.shape[1] < count:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held = np.concatenate((self._held, block), axis=1) if self._held.size else block
        taken, self._held = self._held[:, :count], self._held[:, count:]
        return taken
