"""Tells speakers apart: the GE2E speaker encoder (three LSTM layers), run in numpy."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.resampling import resample

Floats = NDArray[np.float32]

RATE: Final = 16_000
EMBEDDED_SECONDS: Final = 60
_TRACED_AT_ONCE = 16
_FRAME = 480
_FFT, _HOP, _MELS = 400, 160, 40
_WINDOW_FRAMES, _WINDOW_STEP = 160, 77
"""Each window is 1.6 s of speech; 1.3 windows a second."""
_LAYERS, _UNITS = 3, 256
_FEW_WINDOWS = 8
"""As many as a line of dialogue has, and fewer."""
_SPEECH_LEVEL_DBFS = -21.0
"""The level of the speech that the style map was fitted on."""


class Tile(NamedTuple):
    """What is multiplied at once: so many rows with so many columns."""

    rows: int
    columns: int


_MANY_ROWS = Tile(16, 64)
"""16 x 256 x 64 is the largest product that OpenBLAS makes without waking its threads.

An LSTM makes 480 small products in a row; with threads they wait for each other: two clones at once on two cores took
20 times as long as one. In tiles one is as fast as before, and two take twice as long.
"""
_SINGLE_ROWS = Tile(1, 4 * _UNITS)
"""Wakes no threads either. One window takes 18 ms so and 107 filled up to 16, and eight of them 97."""


class Trace(NamedTuple):
    """The voice of consecutive windows of speech; where each begins and ends, in seconds of the recording."""

    embeddings: Floats
    """One row of 256 a window, each of unit length."""
    starts: Floats
    ends: Floats


class SpeakerEncoder:
    """Turns speech into a unit vector: the cosine of two of them says how alike two voices are.

    Of a long recording the first 60 seconds count. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._weights = _weights()
        self._mel = _mel_filters()

    def embed(self, pcm: Floats, rate: int) -> Floats:
        """Return the 256 numbers, unit length, of mono speech."""
        signal = resample(pcm[: EMBEDDED_SECONDS * rate], rate, RATE)
        speech = _Speech.of(signal)
        mean = self._embed_windows(speech.samples(0, len(speech)) if len(speech) else signal, _WINDOW_STEP).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def trace(self, pcm: Floats, most: int, least: int = 1) -> Trace:
        """Embed each 1.6 s of mono speech of 16 kHz by itself; at most so many of them, spread over all of it.

        Where there are fewer than `least`, none is embedded. Memory of its own stays under 40 MB whatever the length;
        computing takes 10 ms for each.
        """
        speech, window = _Speech.of(pcm), _WINDOW_FRAMES * _HOP
        step = _HOP * max(_WINDOW_STEP, len(speech) // _HOP // most)
        starts = np.arange(0, max(1, len(speech) - window + 1), step)
        if len(starts) < least:
            return Trace(*(np.zeros(shape, np.float32) for shape in ((0, _UNITS), 0, 0)))
        pieces = np.array_split(starts, -(-len(starts) // _TRACED_AT_ONCE))
        found = [self._embed_at(speech, at, step // _HOP) for at in pieces]
        ends = np.minimum(starts + window, len(speech)) - 1
        return Trace(np.concatenate(found), speech.seconds(starts), speech.seconds(ends))

    def _embed_at(self, speech: "_Speech", starts: NDArray[np.intp], step: int) -> Floats:
        """Return an embedding of each window that begins at one of these samples, `step` frames apart."""
        window = _WINDOW_FRAMES * _HOP
        if step <= _WINDOW_FRAMES:  # they overlap: the spectrum of what they share is made once
            return self._embed_windows(speech.samples(starts[0], starts[-1] + window), step)[: len(starts)]
        spectra = [self._mel_spectrum(speech.samples(start, start + window))[:_WINDOW_FRAMES] for start in starts]
        return self._project(self._run_layers(np.stack(spectra)))

    def _embed_windows(self, speech: Floats, step: int) -> Floats:
        """Return an embedding of each window that fits, a new one every `step` frames; of what is shorter, one."""
        shortest = _WINDOW_FRAMES * _HOP
        spectrum = self._mel_spectrum(np.pad(speech, (0, max(0, shortest - len(speech)))))
        windows = sliding_window_view(spectrum, _WINDOW_FRAMES, axis=0)[::step].swapaxes(1, 2)
        return self._project(self._run_layers(windows))

    def _mel_spectrum(self, speech: Floats) -> Floats:
        hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)).astype(np.float32)
        frames = sliding_window_view(np.pad(speech, _FFT // 2), _FFT)[::_HOP] * hann
        power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).astype(np.float32)
        return np.asarray(power @ self._mel)

    def _run_layers(self, windows: Floats) -> Floats:
        tile = _SINGLE_ROWS if len(windows) <= _FEW_WINDOWS else _MANY_ROWS
        outputs = np.pad(windows, ((0, -len(windows) % tile.rows), (0, 0), (0, 0)))
        for layer in range(_LAYERS):
            outputs = self._run_layer(outputs, layer, tile)
        return outputs[: len(windows), -1]

    def _run_layer(self, inputs: Floats, layer: int, tile: Tile) -> Floats:
        w = self._weights
        rows = inputs.reshape(-1, inputs.shape[2])
        from_input = _product(rows, _in_blocks(w[f"lstm.weight_ih_l{layer}"].T, _MANY_ROWS), _MANY_ROWS)
        from_input = from_input.reshape(*inputs.shape[:2], -1)
        from_input += w[f"lstm.bias_ih_l{layer}"] + w[f"lstm.bias_hh_l{layer}"]
        recurrent = _in_blocks(w[f"lstm.weight_hh_l{layer}"].T, tile)
        hidden = np.zeros((len(inputs), _UNITS), np.float32)
        cell = hidden
        outputs = np.empty((*inputs.shape[:2], _UNITS), np.float32)
        for step in range(inputs.shape[1]):
            gates = from_input[:, step] + _product(hidden, recurrent, tile)
            enter, forget, candidate, leave = np.split(gates, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(candidate)
            hidden = _sigmoid(leave) * np.tanh(cell)
            outputs[:, step] = hidden
        return outputs

    def _project(self, hidden: Floats) -> Floats:
        raw = np.maximum(0, hidden @ self._weights["linear.weight"].T + self._weights["linear.bias"])
        return np.asarray(raw / (np.linalg.norm(raw, axis=1, keepdims=True) + 1e-9))


@cache
def speaker_encoder() -> SpeakerEncoder:
    """Return the encoder all engines of the process share."""
    return SpeakerEncoder()


def _weights() -> dict[str, Floats]:
    with files("pipeline.audio").joinpath("assets/ge2e_f16.npz").open("rb") as file, np.load(file) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def _in_blocks(matrix: Floats, tile: Tile) -> Floats:
    rows, columns = matrix.shape
    return np.ascontiguousarray(matrix.reshape(rows, columns // tile.columns, tile.columns).swapaxes(0, 1)[None])


def _product(left: Floats, blocks: Floats, tile: Tile) -> Floats:
    """Multiply by a matrix cut by `_in_blocks` into such tiles; the rows must be a multiple of a tile's."""
    tiles = left.reshape(-1, 1, tile.rows, left.shape[1]) @ blocks
    return tiles.swapaxes(1, 2).reshape(len(left), -1)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values), dtype=np.float32)


@dataclass(frozen=True)
class _Speech:
    """A signal without its pauses (30-ms frames 35 dB under the loud ones, 120 ms around speech kept), at one level.

    The encoder hears level as a part of the voice: the same speaker 10 dB quieter is only 0.90 like themself. The
    signal itself is neither copied nor changed: it may be a file.
    """

    frames: Floats
    places: NDArray[np.intp]
    """Of the frames that are speech."""
    gain: np.float32

    @classmethod
    def of(cls, signal: Floats) -> "_Speech":
        frames = signal[: len(signal) // _FRAME * _FRAME].reshape(-1, _FRAME)
        if not len(frames):
            return cls(frames, np.zeros(0, np.intp), np.float32(1))
        powers = np.array([float(frame @ frame) / _FRAME for frame in frames])
        level_db = 10 * np.log10(powers + 1e-10)
        loud = level_db > np.percentile(level_db, 95) - 35
        kept = np.convolve(loud, np.ones(9), "full")[4:-4] > 0
        rms = float(np.sqrt(powers[kept].mean()))
        return cls(frames, np.flatnonzero(kept), np.float32(10 ** (_SPEECH_LEVEL_DBFS / 20) / (rms + 1e-6)))

    def __len__(self) -> int:
        """Return its length in samples."""
        return len(self.places) * _FRAME

    def samples(self, start: int, end: int) -> Floats:
        """Return some of it."""
        first = start // _FRAME
        cut = self.frames[self.places[first : -(-end // _FRAME)]].ravel()[start - first * _FRAME : end - first * _FRAME]
        return np.asarray(cut * self.gain, dtype=np.float32)

    def seconds(self, samples: NDArray[np.intp]) -> Floats:
        """Return where in the signal samples of it are."""
        if not len(self.places):
            return np.zeros(len(samples), np.float32)
        within = np.clip(samples, 0, len(self) - 1)
        places = self.places[within // _FRAME] * _FRAME + within % _FRAME
        return np.asarray(places / RATE, dtype=np.float32)


def _mel_filters() -> Floats:
    # Slaney's mel scale (linear below 1 kHz), the scale the encoder was trained with.
    frequencies = np.linspace(0, RATE / 2, _FFT // 2 + 1)
    points = _hz(np.linspace(0, _mel(RATE / 2), _MELS + 2))
    widths = np.diff(points)
    distance = points[:, None] - frequencies
    rising, falling = -distance[:-2] / widths[:-1, None], distance[2:] / widths[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (points[2:] - points[:-2]))[:, None]
    return np.asarray(filters.T, dtype=np.float32)


_LINEAR_BELOW_HZ = 1000.0
_MEL_BREAK, _MEL_STEP = 15.0, float(np.log(6.4) / 27)


def _mel(hz: float) -> float:
    if hz < _LINEAR_BELOW_HZ:
        return hz * 3 / 200
    return _MEL_BREAK + float(np.log(hz / _LINEAR_BELOW_HZ)) / _MEL_STEP


def _hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < _MEL_BREAK, mels * 200 / 3, _LINEAR_BELOW_HZ * np.exp(_MEL_STEP * (mels - _MEL_BREAK)))
