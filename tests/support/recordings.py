"""Makers of test recordings: speech-like sound, real files of every kind we read, and files that lie or are damaged.

Sound is float32, (samples,) for mono or (channels, samples), full scale at 1. Everything is made on the spot and
is the same every time.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]

_PHRASE_SECONDS = 4
_PITCH_HZ = 118.0
_FORMANTS = ((500, 90), (1500, 130), (2500, 180))
_SYLLABLES_PER_SECOND = 4
SPEECH_RMS_DBFS = -23.0


def tone(seconds: float, rate: int = 48_000, *, hertz: float = 1000, dbfs: float = 0.0, phase: float = 0) -> Sound:
    """A sine whose peak has this level."""
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * time + phase)).astype(np.float32)


def silence(seconds: float, rate: int = 48_000) -> Sound:
    return np.zeros(round(seconds * rate), dtype=np.float32)


def noise(seconds: float, rate: int = 48_000, *, dbfs: float = -40.0, seed: int = 1) -> Sound:
    """White noise of this RMS level."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return (10 ** (dbfs / 20) * samples).astype(np.float32)


def speech_like(seconds: float, rate: int = 48_000, *, dbfs: float = SPEECH_RMS_DBFS, seed: int = 1) -> Sound:
    """Voiced syllables through three formants with a breath of noise; no gap is longer than 0.2 s."""
    phrase = _phrase(rate, seed)
    phrase = phrase * (10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(phrase))))
    count = round(seconds * rate)
    return np.tile(phrase, count // len(phrase) + 1)[:count].astype(np.float32)


@lru_cache(maxsize=8)
def _phrase(rate: int, seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    time = np.arange(_PHRASE_SECONDS * rate) / rate
    angle = 2 * np.pi * np.cumsum(_PITCH_HZ * (1 + 0.08 * np.sin(2 * np.pi * 0.5 * time))) / rate
    voiced = sum(
        _formant_gain(number * _PITCH_HZ) * np.sin(number * angle + rng.uniform(0, 2 * np.pi))
        for number in range(1, int(min(4000, rate / 2 - 200) // (1.1 * _PITCH_HZ)))
    )
    syllables = 0.15 + np.sin(np.pi * _SYLLABLES_PER_SECOND * time) ** 2
    loudness = rng.uniform(0.6, 1.0, _PHRASE_SECONDS * _SYLLABLES_PER_SECOND).repeat(rate // _SYLLABLES_PER_SECOND)
    breath = 0.01 * rng.standard_normal(len(time))
    return (voiced + breath) * syllables * np.resize(loudness, len(time))


def _formant_gain(hertz: float) -> float:
    return sum(1 / (1 + ((hertz - centre) / width) ** 2) for centre, width in _FORMANTS) + 0.02


# --- files


def wav_bytes(sound: Sound, rate: int = 48_000, bits: int = 16, *, floating: bool = False) -> bytes:
    """A RIFF/WAVE file of 8, 16, 24 or 32 bits, or of 32-bit floating point."""
    data = pcm_bytes(sound, bits, floating=floating)
    channels = 1 if sound.ndim == 1 else sound.shape[0]
    return wav_header(len(data), rate, bits, channels, tag=3 if floating else 1) + data


def wav_header(data_bytes: int, rate: int, bits: int, channels: int, tag: int = 1) -> bytes:
    block = channels * bits // 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + data_bytes & 0xFFFFFFFF, b"WAVE", b"fmt ", 16, tag, channels, rate, rate * block, block),
        *(bits, b"data", data_bytes),
    )


def pcm_bytes(sound: Sound, bits: int = 16, *, floating: bool = False) -> bytes:
    interleaved = np.atleast_2d(sound).T
    if floating:
        return interleaved.astype("<f4").tobytes()
    full = 1 << (bits - 1)
    whole = np.clip(np.rint(interleaved.astype(np.float64) * full), -full, full - 1).astype("<i4")
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()


def write_studio_master(path: Path, seconds: int = 299, *, dbfs: float = -30.0) -> None:
    """A 48 kHz, 24-bit, stereo WAV as a studio delivers it: 86 MB for 5 min. Left and right differ."""
    rate, left, right = 48_000, speech_like(4, dbfs=dbfs), noise(4, dbfs=dbfs - 40)
    phrase = pcm_bytes(np.stack([left + right, left - right]), 24)
    with path.open("wb") as file:
        file.write(wav_header(seconds * rate * 6, rate, 24, 2))
        for second in range(seconds):
            at = second % 4 * rate * 6
            file.write(phrase[at : at + rate * 6])


def mp3_bytes(sound: Sound, rate: int = 44_100, bit_rate: int = 128_000) -> bytes:
    """An MPEG layer III file with an Info header."""
    return _encoded(sound, rate, "mp3", "libmp3lame", bit_rate)


def m4a_bytes(sound: Sound, rate: int = 44_100, bit_rate: int = 96_000, *, moov_first: bool = False) -> bytes:
    """An AAC file; its index (`moov`) comes last unless asked for first."""
    data = _encoded(sound, rate, "ipod", "aac", bit_rate)
    return _moov_first(data) if moov_first else data


def _moov_first(m4a: bytes) -> bytes:
    """Move the index before the sound, as streaming wants it, and shift the chunk offsets it holds."""
    moov_at = m4a.rindex(b"moov") - 4
    mdat_at = m4a.index(b"mdat") - 4
    moov = bytearray(m4a[moov_at:])
    stco = moov.index(b"stco") + 4
    (count,) = struct.unpack_from(">I", moov, stco + 4)
    for entry in range(stco + 8, stco + 8 + 4 * count, 4):
        struct.pack_into(">I", moov, entry, struct.unpack_from(">I", moov, entry)[0] + len(moov))
    return m4a[:mdat_at] + bytes(moov) + m4a[mdat_at:moov_at]


def fragmented_m4a_bytes(sound: Sound, rate: int = 44_100) -> bytes:
    """An AAC file as streaming servers write it: its header claims no length."""
    return _encoded(sound, rate, "mp4", "aac", 96_000, {"movflags": "frag_keyframe+empty_moov"})


def opus_in_mp4_bytes(sound: Sound) -> bytes:
    """An MP4 whose sound is Opus, at 48 kHz: sound alone, and still nothing we read."""
    return _encoded(sound, 48_000, "mp4", "libopus", 96_000)


def alac_bytes(sound: Sound, rate: int = 48_000) -> bytes:
    """An M4A with Apple Lossless sound."""
    return _encoded(sound, rate, "ipod", "alac", 0)


def film_bytes(sound: Sound, rate: int = 44_100) -> bytes:
    """An MP4 with a picture track of a second and this sound."""
    target = BytesIO()
    with av.open(target, "w", format="mp4") as output:
        picture = output.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        voice = output.add_stream("aac", rate=rate)
        voice.layout = "mono"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8), format="rgb24")
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
        for block in _frames(sound, rate):
            output.mux(voice.encode(block))
        output.mux(voice.encode(None))
    return target.getvalue()


def tagged(mp3: bytes, words: str) -> bytes:
    """The MP3 behind an ID3v2 tag with these words: the same sound, another file."""
    text = b"\0" + words.encode("ascii")
    frame = b"TIT2" + struct.pack(">I", len(text)) + b"\0\0" + text
    return b"ID3\x03\0\0" + bytes([0, 0, len(frame) >> 7, len(frame) & 0x7F]) + frame + mp3


def with_cover(mp3: bytes) -> bytes:
    """The MP3 with a front cover in an ID3v2 tag that is longer than the part of a file one sniffs."""
    picture = _png()
    apic = b"\0image/png\0\x03\0" + picture + bytes(9000)
    frame = b"APIC" + struct.pack(">IH", len(apic), 0) + apic
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + mp3


def _png() -> bytes:
    target = BytesIO()
    with av.open(target, "w", format="image2pipe") as output:
        stream = output.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "rgb24"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    return target.getvalue()


def mp3_bomb(hours: float) -> bytes:
    """Hours of silence at 8 kbit/s: one frame, again and again."""
    one = mp3_bytes(silence(2, 8000), 8000, 8000)
    frame = one[-72:]
    return frame * round(hours * 3600 / 0.072)


def m4a_bomb(hours: float) -> bytes:
    """Hours of silence in 2 MB: one AAC packet of 8 kHz, again and again."""
    target = BytesIO()
    with av.open(target, "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=8000)
        stream.layout = "mono"
        quiet = [packet for frame in _frames(silence(2, 8000), 8000) for packet in stream.encode(frame)]
        body = bytes(quiet[-1])
        for number in range(round(hours * 3600 * 8000 / 1024)):
            packet = av.Packet(body)
            packet.stream, packet.time_base = stream, Fraction(1, 8000)
            packet.pts = packet.dts = number * 1024
            packet.duration = 1024
            output.mux(packet)
    return target.getvalue()


def _encoded(
    sound: Sound, rate: int, muxer: str, codec: str, bit_rate: int, options: dict[str, str] | None = None
) -> bytes:
    target = BytesIO()
    with av.open(target, "w", format=muxer, options=options or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate)
        stream.layout = "mono" if sound.ndim == 1 else "stereo"
        if bit_rate:
            stream.bit_rate = bit_rate
        for frame in _frames(sound, rate):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


def _frames(sound: Sound, rate: int) -> Iterator[av.AudioFrame]:
    planar = np.atleast_2d(sound)
    for at in range(0, planar.shape[1], rate):
        block = np.ascontiguousarray(planar[:, at : at + rate])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono" if len(planar) == 1 else "stereo")
        frame.sample_rate, frame.pts = rate, at
        yield frame


# --- lies and damage


def truncated(data: bytes, share: float) -> bytes:
    """The first part of a file, as a broken upload leaves it."""
    return data[: int(len(data) * share)]


def xing_claims(mp3: bytes, factor: float) -> bytes:
    """The MP3 whose Info header counts `factor` times its frames."""
    at = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    return _scaled(mp3, at, factor)


def mvhd_claims(m4a: bytes, factor: float) -> bytes:
    """The M4A whose movie header claims `factor` times its length."""
    return _scaled(m4a, m4a.index(b"mvhd") + 20, factor)


def wav_claims(wav: bytes, data_bytes: int) -> bytes:
    """The WAV whose data chunk claims this many bytes."""
    return wav[:40] + struct.pack("<I", data_bytes) + wav[44:]


def _scaled(data: bytes, at: int, factor: float) -> bytes:
    (claim,) = struct.unpack_from(">I", data, at)
    return data[:at] + struct.pack(">I", int(claim * factor)) + data[at + 4 :]
