"""What does MP3 add that the ear does not mask, as episodes are encoded and as LAME does it by itself?

    python -m benchmarks.noise [--write]

Lines of the spoken references of examples/cast, with pauses, alone and over the bed of examples/episode, at 128 kbit/s.
The measure is a plain masking model: half-Bark bands, Schroeder's spreading function, an offset by how tonal a band is,
Terhardt's threshold in quiet with full scale at 96 dB. A frame is heard where a band's noise is more than 1.5 dB above
its mask. CPU is this process's, all threads.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext

from benchmarks.episode import PAUSE_SECONDS, TAKE_SECONDS, cut_takes
from pipeline.audio.mixdown.coding import CODINGS
from pipeline.audio.mixdown.encoding import ParallelMp3
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Sound
from pipeline.audio.mixdown.stretches import BIT_EXACT, LAYOUTS, Stretch, encoded_packets, new_encoder

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]
PAGE = Path(__file__).parents[1] / "docs" / "episodes.md"
BEGIN, END = "<!-- noise: written by `python -m benchmarks.noise --write` -->", "<!-- end of noise -->"
BED = Path(__file__).parents[1] / "examples" / "episode" / "music" / "bed.ogg"
TAKES, BED_LEVEL, SPEECH_LEVEL = 18, 0.3, 0.7
WINDOW, HOP, BAND_BARK, HIGHEST_HZ = 2048, 1024, 0.5, 16_000
AUDIBLE_DB, FULL_SCALE_DB = 1.5, 96.0
TONE_OFFSET_DB, NOISE_OFFSET_DB = 14.5, 5.5
LAME = {"LAME by itself": {}, "LAME, quality 5": {"compression_level": "5"}, "LAME, frames apart": {"reservoir": "0"}}


@dataclass(frozen=True)
class Noise:
    """What an encoder has added: noise to mask in dB (of the mean ratio), the share of frames that are heard, CPU s."""

    mean_db: float
    audible: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise", description=__doc__)
    parser.add_argument("--write", action="store_true", help="Put the table into docs/episodes.md.")
    given = parser.parse_args()
    ways: dict[str, Callable[[Samples], list[bytes]]] = {"callsheet": _ours}
    ways |= {name: _lame(options) for name, options in LAME.items()}
    with tempfile.TemporaryDirectory() as folder:
        spoken = _talk(Path(folder))
    found = {
        what: {name: measured(sound, encode) for name, encode in ways.items()}
        for what, sound in {"speech": spoken, "speech over music": _over_music(spoken)}.items()
    }
    table = _table(found, spoken.shape[1] / RATE)
    print(table)
    if given.write:
        _write(table)


def measured(sound: Samples, encode: Callable[[Samples], list[bytes]]) -> Noise:
    """Encode, decode, and hold what was added to what the sound masks."""
    started = time.process_time()
    frames = encode(sound)
    cpu = time.process_time() - started
    over = noise_to_mask(*_aligned(sound[0].astype(np.float64), _played(frames)[0].astype(np.float64)))
    mean = 10 * np.log10((10 ** (over / 10)).mean())
    return Noise(float(mean), float((over > AUDIBLE_DB).any(axis=1).mean()), cpu)


# --- hearing


def noise_to_mask(sound: Array, heard: Array) -> Array:
    """Return noise to mask in dB, by frame and band, of the frames in which there is sound; one channel."""
    bands, centres = _bands()
    power, added = _spectrum(sound), _spectrum(heard - sound)
    energy, noise = power @ bands.T, added @ bands.T
    masks = np.maximum(_spread(energy, centres) * 10 ** (-_offset(power, energy, bands, centres) / 10), _quiet(bands))
    total = energy.sum(axis=1)
    active = total > 0.01 * np.median(total)
    return cast("Array", 10 * np.log10((noise / masks)[active] + 1e-9))


def _frequencies() -> Array:
    return np.fft.rfftfreq(WINDOW, 1 / RATE)


def _bands() -> tuple[Array, Array]:
    """Return which bins belong to each band, and the middle of each in Bark."""
    hertz = _frequencies()
    bark = 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan((hertz / 7500) ** 2)
    edges = np.arange(0, 24.5, BAND_BARK)
    members = (bark >= edges[:, None]) & (bark < edges[:, None] + BAND_BARK)
    kept = [row.any() and hertz[row.argmax()] < HIGHEST_HZ for row in members]
    return members[kept].astype(np.float64), edges[kept] + BAND_BARK / 2


def _spectrum(sound: Array) -> Array:
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    return cast("Array", np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2)


def _spread(energy: Array, centres: Array) -> Array:
    """Return what each band masks in the others (Schroeder, 1979)."""
    apart = centres[:, None] - centres[None] + 0.474
    spreading = 10 ** ((15.81 + 7.5 * apart - 17.5 * np.sqrt(1 + apart**2)) / 10)
    return energy @ (spreading / spreading.sum(axis=1, keepdims=True)).T


def _offset(power: Array, energy: Array, bands: Array, centres: Array) -> Array:
    """Return how far below its masker noise has to stay: tones mask less than noise does (Johnston, 1988)."""
    bins = bands.sum(axis=1)
    flatness = (np.log(power + 1e-12) @ bands.T) / bins - np.log(energy / bins + 1e-12)
    tonal = np.clip(10 / np.log(10) * flatness / -60, 0, 1)
    return cast("Array", tonal * (TONE_OFFSET_DB + centres) + (1 - tonal) * NOISE_OFFSET_DB)


def _quiet(bands: Array) -> Array:
    """Return the threshold in quiet by band (Terhardt, 1979)."""
    kilohertz = np.maximum(_frequencies(), 20) / 1000
    threshold = 3.64 * kilohertz**-0.8 - 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2) + 1e-3 * kilohertz**4
    return bands @ (10 ** ((np.minimum(threshold, 90) - FULL_SCALE_DB) / 10) * WINDOW / 16)


# --- sound


def _talk(folder: Path) -> Samples:
    """Return lines in turn from each voice, with pauses, the same on both channels."""
    pause = np.zeros((2, round(PAUSE_SECONDS * RATE)), np.float32)
    length = round(TAKE_SECONDS * RATE)
    takes = [np.concatenate(list(read_sound(Sound(take), 1)), axis=1) for take in cut_takes(folder)[:TAKES]]
    lines = [np.repeat(take[:, :length], 2, axis=0) for take in takes]
    return SPEECH_LEVEL * np.concatenate([part for line in lines for part in (line, pause)], axis=1)


def _over_music(spoken: Samples) -> Samples:
    bed = np.concatenate(list(read_sound(Sound(BED), 2)), axis=1)
    times = -(-spoken.shape[1] // bed.shape[1])
    under = np.tile(bed, (1, times))[:, : spoken.shape[1]]
    return cast("Samples", spoken + under * (BED_LEVEL * np.sqrt((spoken**2).mean() / (under**2).mean())))


def _ours(sound: Samples) -> list[bytes]:
    encoder = ParallelMp3(CODINGS["mp3"], len(sound))
    blocks = (sound[:, at : at + RATE] for at in range(0, sound.shape[1], RATE))
    groups = [group for block in blocks for group in encoder.feed(block)]
    return [bytes(packet) for group in [*groups, *encoder.flush()] for packet in group]


def _lame(options: dict[str, str]) -> Callable[[Samples], list[bytes]]:
    def encode(sound: Samples) -> list[bytes]:
        encoder = new_encoder("libmp3lame", {"flags": BIT_EXACT, **options})
        encoder.layout, encoder.bit_rate = LAYOUTS[len(sound)], CODINGS["mp3"].bit_rate(len(sound))
        return [bytes(packet) for packet in encoded_packets(Stretch(sound, 0, 0, None), encoder)]

    return encode


def _played(frames: Sequence[bytes]) -> Samples:
    decoder = cast("AudioCodecContext", av.CodecContext.create("mp3float", "r"))
    return np.concatenate([frame.to_ndarray() for one in frames for frame in decoder.decode(av.Packet(one))], axis=1)


def _aligned(sound: Array, heard: Array) -> tuple[Array, Array]:
    """Return both without the codec's delay and gain."""
    length = 4 * RATE
    ours, theirs = np.fft.rfft(sound[:length], 2 * length), np.fft.rfft(heard[: length + 4000], 2 * length)
    delay = int(np.fft.irfft(theirs * np.conj(ours)).argmax())
    heard = heard[delay : delay + len(sound)]
    sound = sound[: len(heard)]
    return sound, heard * (heard @ sound) / (heard @ heard)


# --- table


def _table(found: dict[str, dict[str, Noise]], seconds: float) -> str:
    names = list(found["speech"])
    rows = [f"| noise against what the ear masks, 128 kbit/s, {seconds:.0f} s | {' | '.join(names)} |"]
    rows.append(f"|---|{'---:|' * len(names)}")
    for what, ways in found.items():
        rows.append(_row(f"{what}: mean noise to mask", [f"{ways[name].mean_db:.1f} dB" for name in names]))
        rows.append(_row(f"{what}: frames with audible noise", [f"{100 * ways[name].audible:.1f} %" for name in names]))
    rows.append(_row("CPU for the speech", [f"{found['speech'][name].cpu:.1f} s" for name in names]))
    return "\n".join(rows)


def _row(what: str, cells: Sequence[str]) -> str:
    return f"| {what} | {' | '.join(cells)} |"


def _write(table: str) -> None:
    before, found, rest = PAGE.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise SystemExit(f"{PAGE} has no place for the table: it needs {BEGIN!r} and {END!r}")
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    main()
