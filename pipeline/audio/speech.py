"""Takes in memory: decoded, measured, encoded and joined. For audio a provider made, which is short and bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from pipeline.audio import ulaw
from pipeline.audio.decode import read_all
from pipeline.audio.editing import join_segments, samples_of, segment
from pipeline.audio.encode import Encoding, Pcm, resample, to_pcm, write
from pipeline.audio.formats import Coding, SpeechFormat, parse_format
from pipeline.audio.loudness import Samples
from pipeline.audio.meter import Meter
from pipeline.audio.probe import recognise
from pipeline.audio.rejection import rejected
from pipeline.audio.sniff import Container
from pipeline.errors import UsageError

MAX_TAKE_SECONDS = 3600.0
"""Decoding stops here: nobody speaks a line this long."""

_CODECS = {Coding.MP3: "libmp3lame", Coding.WAV: "pcm_s16le", Coding.M4A: "aac"}


@dataclass(frozen=True)
class SpeechLevels:
    """How a take sounds. `lufs` is None below 0.4 s, where loudness is not defined."""

    seconds: float
    lufs: float | None
    true_peak_dbtp: float
    silence_share: float


def measure_speech(audio: bytes, format: str) -> SpeechLevels:  # noqa: A002 - the field's name in every speech API
    """Decode a take and measure it. Raises `AudioRejected` where it is empty or no audio."""
    samples, rate, speakers = _decoded(audio, parse_format(format))
    meter = Meter(rate, speakers)
    for at in range(0, samples.shape[1], rate):
        meter.feed(samples[:, at : at + rate])
    levels = meter.levels()
    return SpeechLevels(levels.seconds, levels.lufs, levels.true_peak_dbtp, levels.silence_share)


def silence_share(audio: bytes, format: str) -> float:  # noqa: A002 - as above
    """Return how much of a take is silence, from 0 to 1. Raises `AudioRejected` where it is empty or no audio."""
    return measure_speech(audio, format).silence_share


def decode_speech(audio: bytes, format: str) -> tuple[Samples, int]:  # noqa: A002 - as above
    """Return a take mixed to mono as (1, samples), full scale at 1, and its rate in Hz. Raises `AudioRejected`."""
    samples, rate, _ = _decoded(audio, parse_format(format))
    return samples.mean(axis=0, keepdims=True), rate


def encode_speech(samples: Samples, rate: int, format: str) -> bytes:  # noqa: A002 - as above
    """Return mono sound, (1, samples) with full scale at 1, in a format, resampled where the format wants it."""
    wanted = parse_format(format)
    blocks = list(resample([samples.astype(np.float32, copy=False)], rate, wanted.rate))
    return _encoded(to_pcm(np.concatenate(blocks, axis=1)), wanted)


def join(
    parts: Sequence[bytes],
    format: str,  # noqa: A002 - as above
    pauses: Sequence[float | None] = (),
    *,
    gap_seconds: float = 0.2,
) -> bytes:
    """Join the spoken parts of one line into one file of the same format.

    Behind each part there is as much silence as `pauses` says in seconds, or `gap_seconds` where it says nothing. The
    levels of the parts are brought together, and each join is faded, so that nothing clicks. Parts of one format may
    still differ in rate or channels: that is refused. Raises `AudioRejected`.
    """
    if not parts:
        raise UsageError("there are no parts to join")
    if len(parts) == 1:
        return parts[0]
    wanted = parse_format(format)
    decoded = [_decoded(part, wanted) for part in parts]
    _refuse_mixed({(rate, len(speakers)) for _, rate, speakers in decoded})
    rate = decoded[0][1]
    gaps = [gap_seconds if pause is None else pause for pause in pauses or [None] * (len(parts) - 1)]
    joined = join_segments([segment(to_pcm(samples), rate) for samples, _, _ in decoded], gaps)
    return _encoded(samples_of(joined), SpeechFormat(wanted.coding, rate, wanted.bit_rate))


def _decoded(audio: bytes, wanted: SpeechFormat) -> tuple[Samples, int, tuple[str, ...]]:
    coding = recognise(audio, wanted)
    if coding.container is None:
        return _bare_samples(audio, wanted), wanted.rate, ("FC",)
    samples, facts = read_all(audio, coding.container, max_seconds=MAX_TAKE_SECONDS)
    return samples, facts.sample_rate, facts.channels


def _bare_samples(audio: bytes, wanted: SpeechFormat) -> Samples:
    whole = audio[: len(audio) // wanted.bytes_per_sample * wanted.bytes_per_sample]
    pcm = ulaw.decode(whole) if wanted.coding is Coding.ULAW else np.frombuffer(whole, dtype="<i2")
    if not len(pcm):
        raise rejected(
            "not_audio",
            "the audio holds no whole sample",
            measured=f"{len(audio)} byte(s)",
            allowed="at least one sample",
            hint="ask for the take again",
        )
    return pcm.astype(np.float32)[None, :] / np.float32(32768)


def _encoded(pcm: Pcm, wanted: SpeechFormat) -> bytes:
    if wanted.coding is Coding.PCM:
        return np.ascontiguousarray(pcm.T).astype("<i2").tobytes()
    if wanted.coding is Coding.ULAW:
        return ulaw.encode(pcm[0])
    target = BytesIO()
    container = Container(wanted.coding.value)
    bit_rate = None if container is Container.WAV else wanted.bit_rate
    blocks = (pcm[:, at : at + wanted.rate] for at in range(0, pcm.shape[1], wanted.rate))
    write(target, Encoding(container, _CODECS[wanted.coding], wanted.rate, bit_rate), blocks, pcm.shape[0])
    return target.getvalue()


def _refuse_mixed(kinds: set[tuple[int, int]]) -> None:
    if len(kinds) == 1:
        return
    found = ", ".join(f"{rate} Hz in {channels} channel(s)" for rate, channels in sorted(kinds))
    raise rejected(
        "mixed_parts",
        f"the parts differ and cannot be joined: {found}",
        measured=found,
        allowed="one sample rate and channel count",
        hint="speak all parts of a line with one model and one format",
    )
