"""MPEG audio layer III frame headers (ISO/IEC 11172-3 and 13818-3)."""

from dataclasses import dataclass
from functools import lru_cache

HEADER_BYTES = 4
_SYNC = 0x7FF
_LAYER_III = 0b01
_MONO = 0b11
_MPEG_1 = 0b11
_VERSION_RESERVED = 0b01
_RATES_RESERVED = 0b11
_EMPHASIS_RESERVED = 0b10
_FREE_FORMAT, _BITRATE_RESERVED = 0, 15
_MPEG_1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1_HZ = (44_100, 48_000, 32_000)
_ID3V2_HEADER_BYTES, _ID3V1_BYTES = 10, 128
_DIVISOR = {0b11: 1, 0b10: 2, 0b00: 4}
"""MPEG-2 halves and MPEG-2.5 quarters the sample rates of MPEG-1."""


@dataclass(frozen=True)
class FrameHeader:
    """One layer III frame: lengths in bytes and samples, rates in Hz and bit/s."""

    sample_rate: int
    bit_rate: int
    channels: int
    samples: int
    length: int
    side_info_bytes: int


def parse_header(data: bytes, at: int = 0) -> FrameHeader | None:
    """Return the frame header at this offset, or None where the bits are not one."""
    return _parsed(data[at : at + HEADER_BYTES])


@lru_cache(maxsize=1024)
def _parsed(four: bytes) -> FrameHeader | None:
    # A stream says much the same in each of its frames, forty times a second.
    word = int.from_bytes(four, "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    if word >> 21 != _SYNC or version == _VERSION_RESERVED or layer != _LAYER_III:
        return None
    bitrate_index, rate_index, mode = word >> 12 & 15, word >> 10 & 3, word >> 6 & 3
    if bitrate_index in {_FREE_FORMAT, _BITRATE_RESERVED} or rate_index == _RATES_RESERVED:
        return None
    if word & 3 == _EMPHASIS_RESERVED:
        return None
    return _header(version, bitrate_index, rate_index, padding=word >> 9 & 1, mono=mode == _MONO)


def _header(version: int, bitrate_index: int, rate_index: int, *, padding: int, mono: bool) -> FrameHeader:
    first = version == _MPEG_1
    rate = _MPEG_1_HZ[rate_index] // _DIVISOR[version]
    bit_rate = 1000 * (_MPEG_1_KBPS if first else _MPEG_2_KBPS)[bitrate_index]
    samples = 1152 if first else 576
    side_info = (17 if mono else 32) if first else (9 if mono else 17)
    length = samples // 8 * bit_rate // rate + padding
    return FrameHeader(rate, bit_rate, 1 if mono else 2, samples, length, side_info)


def id3v2_length(data: bytes) -> int:
    """Return how many bytes an ID3v2 tag takes at the start of `data`: 0 where there is none."""
    if len(data) < 10 or data[:3] != b"ID3" or any(byte & 0x80 for byte in data[6:10]):  # noqa: PLR2004 - the tag's header
        return 0
    size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    footer = 10 if data[5] & 0x10 else 0
    return 10 + size + footer


def count_seconds(audio: bytes) -> float | None:
    """Return how long a stream of frames is, header claims aside; None where there is anything but frames and tags."""
    at, end = _after_tags(audio), len(audio)
    if audio[-_ID3V1_BYTES:].startswith(b"TAG"):
        end -= _ID3V1_BYTES
    first = parse_header(audio, at)
    if first is None:
        return None
    if _describes_others(audio[at : at + first.length], first):
        at += first.length
    samples, like = 0, (first.sample_rate, first.channels)
    while at < end:
        frame = parse_header(audio, at)
        if frame is None or (frame.sample_rate, frame.channels) != like:
            return None
        samples += frame.samples
        at += frame.length
    return samples / first.sample_rate if at == end else None


def _after_tags(audio: bytes) -> int:
    at = 0
    while tag := id3v2_length(audio[at : at + _ID3V2_HEADER_BYTES]):
        at += tag
    return at


def _describes_others(frame: bytes, header: FrameHeader) -> bool:
    """Tell whether a stream's first frame holds no sound, but what an encoder says of those that follow."""
    at = HEADER_BYTES + header.side_info_bytes
    return frame[at : at + 4] in {b"Xing", b"Info"} or frame[36:40] == b"VBRI"
