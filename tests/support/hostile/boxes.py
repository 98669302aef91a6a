"""Recordings taken apart and put together wrongly: MPEG-4 boxes, ID3 frames, WAV headers."""

import struct
import zlib
from collections.abc import Sequence

_MINF = (b"moov", b"trak", b"mdia", b"minf")
_STBL = (*_MINF, b"stbl")
_APIC_HEAD = b"\0image/jpeg\0\x03\0"


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def with_box(m4a: bytes, path: Sequence[bytes], replacement: bytes) -> bytes:
    """The file with the first box at `path` (outermost first) replaced, and the sizes around it put right."""
    starts, at = [], 0
    for name in path:
        at = m4a.index(name, at)
        starts.append(at - 4)
    start = starts.pop()
    (size,) = struct.unpack_from(">I", m4a, start)
    data = bytearray(m4a[:start] + replacement + m4a[start + size :])
    for parent in starts:
        (old,) = struct.unpack_from(">I", data, parent)
        struct.pack_into(">I", data, parent, old + len(replacement) - size)
    return bytes(data)


def with_field(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The file with `value` written at `offset` behind the first `name`."""
    at = data.index(name) + len(name) + offset
    return data[:at] + value + data[at + len(value) :]


def elsewhere(m4a: bytes, file: str) -> bytes:
    """The M4A whose sound is said to lie in another file, beside it (a Macintosh alias, as QuickTime wrote them)."""
    target = f"/{file}".encode()
    alias = struct.pack(">10xB27s12xB63s16xHH16x", 0, b"", len(file), file.encode(), 1, 1)
    alias += struct.pack(">HH", 18, len(target) + len(target) % 2) + target + bytes(len(target) % 2)
    alias += struct.pack(">hH", -1, 0)
    entry = box(b"alis", bytes(4), alias)
    return with_box(m4a, (*_MINF, b"dinf", b"dref"), box(b"dref", struct.pack(">II", 0, 1), entry))


def index_bomb(m4a: bytes, samples: int) -> bytes:
    """The M4A whose tables describe this many samples in a few bytes, each an entry in the decoder's index."""
    data = with_box(m4a, (*_STBL, b"stsz"), box(b"stsz", struct.pack(">III", 0, 1, samples)))
    data = with_box(data, (*_STBL, b"stsc"), box(b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)))
    return with_box(data, (*_STBL, b"stts"), box(b"stts", struct.pack(">IIII", 0, 1, samples, 1024)))


def squeezed_index(megabytes: int) -> bytes:
    """An M4A whose index is compressed and unpacks to this many megabytes of nothing (QuickTime's `cmov`)."""
    index = zlib.compress(box(b"free", bytes(megabytes << 20)), 9)
    cmvd = box(b"cmvd", struct.pack(">I", megabytes << 20), index)
    cmov = box(b"cmov", box(b"dcom", b"zlib"), cmvd)
    return box(b"ftyp", b"M4A ", bytes(4), b"M4A isom") + box(b"moov", cmov)


def id3(*frames: bytes, claimed: int | None = None, version: int = 4) -> bytes:
    """An ID3v2 tag; `claimed` is the size it gives itself."""
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, 0]) + _syncsafe(len(body) if claimed is None else claimed) + body


def picture(content: bytes, claimed: int | None = None) -> bytes:
    """A cover picture as an ID3v2.4 frame."""
    body = _APIC_HEAD + content
    return b"APIC" + _syncsafe(len(body) if claimed is None else claimed) + b"\0\0" + body


def squeezed_picture(megabytes: int) -> bytes:
    """A cover that unpacks to this many megabytes: ID3v2.4 frames may be compressed."""
    body = _APIC_HEAD + bytes(megabytes << 20)
    packed = _syncsafe(len(body)) + zlib.compress(body, 9)
    return b"APIC" + _syncsafe(len(packed)) + b"\0\x09" + packed


def _syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def extensible_wav(data: bytes, rate: int, bits: int, channels: int, mask: int, tag: int = 1) -> bytes:
    """A WAVE_FORMAT_EXTENSIBLE file; `mask` says which speakers."""
    block = channels * bits // 8
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = (
        struct.pack("<HHIIHHHHI", 0xFFFE, channels, rate, rate * block & 0xFFFFFFFF, block, bits, 22, bits, mask) + guid
    )
    head = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data
