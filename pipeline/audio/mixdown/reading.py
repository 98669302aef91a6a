"""Reads any sound that is mixed, in constant memory, at the mix's rate."""

from collections.abc import Iterator

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from pipeline.audio.decode import HIGHEST_SAMPLE, SAMPLE_RATES
from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.score import RATE, Sound
from pipeline.audio.rejection import AudioRejected, rejected
from pipeline.audio.resampling import resample
from pipeline.audio.sniff import SNIFF_BYTES, Container, looks_like, sniff
from pipeline.audio.speech import decode_speech

_MUXERS = {Container.MP3: "mp3", Container.WAV: "wav", Container.M4A: "mov"}
_MAGIC = {b"fLaC": "flac", b"OggS": "ogg"}
_READING = {
    # What lies may not name other files, as playlists do.
    "protocol_whitelist": "file",
    # WAV is searched for other codecs in disguise up to this many bytes.
    "probesize": "4096",
    # PCM comes in packets of this many bytes at most. The default of 20 ms each costs more than decoding; larger ones
    # cost more than that where a file is opened, which an episode does hundreds of times.
    "max_size": "32768",
}
_PIECE = 32_768
"""Samples of a channel that are converted at once: frames of 20 ms would cost more than their decoding."""
STEREO = 2


def read_sound(sound: Sound, channels: int, first: float = 0.0) -> Iterator[Samples]:
    """Yield a sound from `first` (seconds) on at `RATE`, mixed down to `channels` where it has more and never up.

    Raises `AudioRejected` where it is no sound.
    """
    skip = round(first * RATE)
    for block in _bare(sound) if sound.format.startswith(("pcm", "ulaw")) else _decoded(sound, channels):
        if skip < block.shape[1]:
            yield block[:, skip:]
        skip = max(0, skip - block.shape[1])


def _bare(sound: Sound) -> Iterator[Samples]:
    pcm, rate = decode_speech(sound.path.read_bytes(), sound.format)
    yield resample(pcm[0], rate, RATE)[None, :]


def _decoded(sound: Sound, channels: int) -> Iterator[Samples]:
    muxer = _muxer(sound)
    try:
        options = {**_READING, "format_whitelist": muxer}
        with av.open(str(sound.path), "r", format=muxer, options=options) as container:
            for block in _converted(container):
                yield block if len(block) <= channels else block.mean(axis=0, keepdims=True)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise _unreadable(sound, str(error)) from error


def _converted(container: InputContainer) -> Iterator[Samples]:
    fifo, resampler = AudioFifo(), None
    for frame in container.decode(audio=0):
        resampler = resampler or _resampler(frame)
        frame.pts = None
        fifo.write(frame)
        for piece in fifo.read_many(_PIECE):
            yield from _resampled(resampler, piece)
    if resampler is not None:
        yield from _resampled(resampler, fifo.read())
        yield from _resampled(resampler, None)


def _resampler(frame: AudioFrame) -> AudioResampler:
    if frame.sample_rate not in SAMPLE_RATES:
        # At a hertz or two, a piece of a small file would become gigabytes.
        raise ValueError(f"its sample rate is {frame.sample_rate} Hz, not {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]}")
    layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
    return AudioResampler(format="fltp", layout=layout, rate=RATE)


def _resampled(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[Samples]:
    if frame is not None:
        frame.pts = None
    for piece in resampler.resample(frame):
        if piece.samples:
            yield _sound(piece.to_ndarray().astype(np.float32, copy=False))


def _sound(block: Samples) -> Samples:
    """Return samples that are sound: one that is no number would silence all that is mixed with it."""
    if not np.maximum(block.max(), -block.min()) <= HIGHEST_SAMPLE:
        raise ValueError("it holds samples that are no numbers, or more than 187 dB above full scale")
    return block


def _muxer(sound: Sound) -> str:
    with sound.path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    kind = sniff(head)
    muxer = _MUXERS[kind] if kind else _MAGIC.get(head[:4])
    if muxer is None:
        raise _unreadable(sound, f"it looks like {looks_like(head)}")
    return muxer


def _unreadable(sound: Sound, why: str) -> AudioRejected:
    return rejected(
        "undecodable",
        f"{sound.path.name} cannot be read as sound: {why}",
        measured=why,
        allowed="WAV, MP3, M4A, FLAC, Ogg Vorbis or Opus",
        hint="export it again as WAV, or make the take again",
    )
