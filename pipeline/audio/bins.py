import numpy as np
import numpy.typing as npt


class PowerBins:
    """Mean powers over consecutive stretches of 1/`per_second` s, at any sample rate, fed in any pieces.

    Where the rate is no multiple of `per_second` the stretches differ by one sample and never drift.
    """

    def __init__(self, rate: int, per_second: int) -> None:
        self._rate = rate
        self._per_second = per_second
        self._seen = 0
        self._open = 0.0
        self._sums: list[npt.NDArray[np.float64]] = []

    def feed(self, powers: npt.NDArray[np.float32]) -> None:
        """Take the next samples' squares."""
        if not len(powers):
            return
        before, self._seen = self._seen, self._seen + len(powers)
        edges = self._edges(self._bins_within(before) + 1, self._bins_within(self._seen)) - before
        starts = np.concatenate(([0], edges[edges < len(powers)])).astype(np.intp)
        sums = np.add.reduceat(powers, starts, dtype=np.float64)
        sums[0] += self._open
        ends_on_edge = bool(len(edges)) and edges[-1] == len(powers)
        self._open = 0.0 if ends_on_edge else float(sums[-1])
        self._sums.append(sums if ends_on_edge else sums[:-1])

    def means(self) -> npt.NDArray[np.float64]:
        """Return the mean power of every full stretch."""
        sums = np.concatenate(self._sums) if self._sums else np.zeros(0)
        lengths = np.diff(self._edges(0, len(sums)))
        means: npt.NDArray[np.float64] = sums / lengths
        return means

    def _bins_within(self, samples: int) -> int:
        return ((samples + 1) * self._per_second - 1) // self._rate

    def _edges(self, first: int, last: int) -> npt.NDArray[np.int64]:
        return np.arange(first, last + 1, dtype=np.int64) * self._rate // self._per_second
