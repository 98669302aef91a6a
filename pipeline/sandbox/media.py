"""Decoding what is uploaded and encoding what is spoken. The only module here that knows PyAV."""

import io
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.stream import Disposition
from numpy.typing import NDArray

Pcm = NDArray[np.float32]

MAX_REFERENCE_S = 300.0
# Reading stops a little past the limit: enough to see that a file is too long, never enough for a bomb.
_STOP_MARGIN_S = 1.0
_REFERENCE_RATE = 24_000

# Demuxers are opened by name, after a look at the first bytes, so that no playlist can pose as audio.
_DEMUXERS = {"mp3": "mp3", "wav": "wav", "m4a": "mov"}
_OTHER_MEDIA = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"FORM": "AIFF",
    b"#!AMR": "AMR",
    b"caff": "CAF",
}


class NotAccepted(Exception):
    """The bytes are some other medium than MP3, WAV or M4A."""


class Unreadable(Exception):
    """The bytes hold no audio that can be decoded."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Decoded audio: mono float32 at `rate` Hz, and how many seconds the source held."""

    pcm: Pcm
    rate: int
    seconds: float


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One `response_format`: `rate` in Hz, `bit_rate` in bits a second for MP3."""

    name: str
    content_type: str
    container: str
    codec: str
    rate: int
    bit_rate: int | None = None


# `mp3` and `wav` are what clients send with MiniMax models; the rates behind them are assumed.
FORMATS = {
    form.name: form
    for form in (
        OutputFormat("mp3_44100_128", "audio/mpeg", "mp3", "libmp3lame", 44_100, 128_000),
        OutputFormat("mp3_44100_192", "audio/mpeg", "mp3", "libmp3lame", 44_100, 192_000),
        OutputFormat("mp3_22050_32", "audio/mpeg", "mp3", "libmp3lame", 22_050, 32_000),
        OutputFormat("pcm_16000", "audio/pcm", "s16le", "pcm_s16le", 16_000),
        OutputFormat("pcm_22050", "audio/pcm", "s16le", "pcm_s16le", 22_050),
        OutputFormat("pcm_24000", "audio/pcm", "s16le", "pcm_s16le", 24_000),
        OutputFormat("pcm_44100", "audio/pcm", "s16le", "pcm_s16le", 44_100),
        OutputFormat("ulaw_8000", "audio/basic", "mulaw", "pcm_mulaw", 8_000),
        OutputFormat("mp3", "audio/mpeg", "mp3", "libmp3lame", 32_000, 128_000),
        OutputFormat("wav", "audio/wav", "wav", "pcm_s16le", 24_000),
    )
}
DEFAULT_FORMAT = "mp3_44100_128"
# LAME's quickest setting: the voices are previews, and most of a call's cost is this encoder.
_QUICK = {"compression_level": "9"}
_UTF8 = 3


def container_of(data: bytes) -> str:
    """Return `mp3`, `wav` or `m4a` by the first bytes, whatever the file is called."""
    head = data[:16]
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:3] == b"ID3" or _is_mpeg_layer3(head):
        return "mp3"
    for magic, name in _OTHER_MEDIA.items():
        if head.startswith(magic):
            raise NotAccepted(f"the file is {name}; MP3, WAV and M4A are accepted")
    raise Unreadable("the file is neither MP3 nor WAV nor M4A")


def _is_mpeg_layer3(head: bytes) -> bool:
    if len(head) < 3:  # noqa: PLR2004 - sync word, layer, bit rate and sampling rate
        return False
    synced = head[0] == 0xFF and head[1] & 0xE6 == 0xE2  # noqa: PLR2004 - 11 sync bits and layer III
    return synced and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C  # noqa: PLR2004 - reserved values


def decode(data: bytes) -> Recording:
    """Decode an upload to mono; its length is the number of decoded samples, never what its header claims."""
    demuxer = _DEMUXERS[container_of(data)]
    try:
        with av.open(io.BytesIO(data), format=demuxer, options={"protocol_whitelist": "file"}) as container:
            if any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video):
                raise NotAccepted("the file holds a video; MP3, WAV and M4A are accepted")
            if not container.streams.audio:
                raise Unreadable("the file holds no audio stream")
            return _read(container, container.streams.audio[0])
    except (FFmpegError, ValueError) as error:
        raise Unreadable(f"the audio cannot be decoded: {error}") from error


def _read(container: Any, stream: AudioStream) -> Recording:  # noqa: ANN401 - PyAV's demux has no usable type
    resampler = AudioResampler(format="flt", layout="mono", rate=_REFERENCE_RATE)
    blocks: list[Pcm] = []
    seconds = 0.0
    for packet in container.demux(stream):
        for frame in _frames(stream, packet):
            seconds += frame.samples / frame.sample_rate
            frame.pts = None
            blocks += [_samples(block) for block in resampler.resample(frame)]
        if seconds > MAX_REFERENCE_S + _STOP_MARGIN_S:
            break
    if not blocks:
        raise Unreadable("the file holds no sound that can be decoded")
    blocks += [_samples(block) for block in resampler.resample(None)]
    return Recording(np.concatenate(blocks), _REFERENCE_RATE, seconds)


def _frames(stream: AudioStream, packet: Any) -> list[AudioFrame]:  # noqa: ANN401 - see _read
    """Decode one packet; a damaged one is skipped, as players do."""
    try:
        return stream.codec_context.decode(packet)
    except FFmpegError:
        return []


def _samples(block: AudioFrame) -> Pcm:
    return block.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def encode(pcm: Pcm, rate: int, form: OutputFormat, comment: str) -> bytes:
    """Encode mono float32 at `rate` Hz; MP3 and WAV carry the comment as a tag."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=form.container) as container:
        if form.container in ("mp3", "wav"):
            container.metadata["comment"] = comment
        stream = cast("AudioStream", container.add_stream(form.codec, rate=form.rate, layout="mono"))
        if form.bit_rate is not None:
            stream.bit_rate = form.bit_rate
            stream.options = {**_QUICK}
        for frame in [*_resampled(pcm, rate, form), None]:
            for packet in stream.encode(frame):
                container.mux(packet)
    return sink.getvalue()


def _resampled(pcm: Pcm, rate: int, form: OutputFormat) -> list[AudioFrame]:
    sample_format = "s16p" if form.bit_rate is not None else "s16"
    whole = np.clip(pcm, -1.0, 1.0) * 32767
    frame = AudioFrame.from_ndarray(whole.astype(np.int16)[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = AudioResampler(format=sample_format, layout="mono", rate=form.rate)
    return [*resampler.resample(frame), *resampler.resample(None)]


def mp3_frames(pcm: Pcm, rate: int, form: OutputFormat) -> tuple[int, tuple[bytes, ...]]:
    """Encode to MP3 frames that borrow no bits from each other; return the samples of a frame, and the frames."""
    codec = cast("AudioCodecContext", av.CodecContext.create(form.codec, "w"))
    codec.rate, codec.layout, codec.format, codec.bit_rate = form.rate, "mono", "s16p", form.bit_rate
    codec.options = _QUICK | {"reservoir": "0"}
    packets = [packet for frame in [*_resampled(pcm, rate, form), None] for packet in codec.encode(frame)]
    return codec.frame_size, tuple(bytes(packet) for packet in packets)


def mp3_tag(comment: str) -> bytes:
    """Return an ID3v2.4 tag that holds a comment."""
    text = bytes([_UTF8]) + b"eng\0" + comment.encode()
    frame = b"COMM" + _syncsafe(len(text)) + b"\0\0" + text
    return b"ID3\x04\0\0" + _syncsafe(len(frame)) + frame


def _syncsafe(size: int) -> bytes:
    """Write a size in four bytes of seven bits, so that it never looks like the start of a frame."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
