"""The hostile recordings by name: how each is made, and what has to become of it."""

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.support.hostile import boxes
from tests.support.hostile.mutants import BAIT_M4A, BAIT_SOUND, BAIT_TEXT, playlists
from tests.support.recordings import (
    alac_bytes,
    film_bytes,
    fragmented_m4a_bytes,
    m4a_bomb,
    m4a_bytes,
    mp3_bomb,
    mp3_bytes,
    mvhd_claims,
    opus_in_mp4_bytes,
    pcm_bytes,
    silence,
    speech_like,
    wav_bytes,
    wav_claims,
    wav_header,
    xing_claims,
)

ACCEPTED = "accepted"
_SECONDS, _RATE = 12, 16_000


@dataclass(frozen=True)
class Hostile:
    """A file and the only ends it may come to: refused with one of these codes, or `ACCEPTED`."""

    name: str
    make: Callable[[], bytes]
    ends: frozenset[str]


def corpus() -> list[Hostile]:
    """Every hostile recording but the bombs."""
    groups = (_not_audio(), _playlists(), _polyglots(), _wav_headers(), _wav_samples(), _mpeg4(), _mp3(), _cut())
    return [entry for group in groups for entry in group]


def bombs() -> list[Hostile]:
    """Small files that would unpack to hours of sound, or to gigabytes."""
    return [
        _entry("3 h of mp3 at 8 kbit/s", lambda: mp3_bomb(3), "too_long"),
        _entry("10 h of m4a silence", lambda: m4a_bomb(10), "too_long"),
        _entry("10 h of flac", lambda: flac_bomb(10), "unknown_format"),
        _entry("40 m samples in a table of 12 bytes", lambda: boxes.index_bomb(_m4a(), 40_000_000), *_BROKEN_INDEX),
        _entry("all samples a table can count", lambda: boxes.index_bomb(_m4a(), 0xFFFFFFFF), *_BROKEN_INDEX),
        _entry("an index that unpacks to 250 MB", lambda: boxes.squeezed_index(250), "undecodable", "too_costly"),
        _entry("covers that unpack to 1 GB", lambda: _covers(5) + _mp3_sound(), ACCEPTED, "too_costly", "undecodable"),
        _entry("a lossless frame of 16 m samples", _alac_frame_bomb, "undecodable", "damaged", "too_costly"),
    ]


_BROKEN_INDEX = ("undecodable", "too_costly", "damaged", "length_mismatch", "too_short", "silent")


def _entry(name: str, make: Callable[[], bytes], *ends: str) -> Hostile:
    return Hostile(name, make, frozenset(ends))


def _not_audio() -> list[Hostile]:
    unknown = {
        "one byte": b"\xff",
        "a text": b"This is no recording.\n" * 50,
        "a page": b"<!DOCTYPE html><html><script>alert(1)</script></html>" * 50,
        "a picture in SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "a Windows program": b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(4000),
        "a Linux program": b"\x7fELF\x02\x01\x01" + bytes(4000),
        "a zip": _zip(),
        "an Ogg file": b"OggS\0\x02" + bytes(4000),
        "an empty flac": b"fLaC\0\0\0\x22" + bytes(34),
        "a matroska film": b"\x1aE\xdf\xa3" + bytes(4000),
        "an AIFF file": b"FORM\0\0\x10\0AIFFCOMM" + bytes(4000),
        "a photo in an MPEG-4 box": boxes.box(b"ftyp", b"heic", bytes(4), b"mif1heic") + bytes(4000),
        "a pickle": b"\x80\x04\x95" + bytes(4000),
        "nothing but NUL": bytes(4000),
    }
    found = [_entry(name, lambda data=data: data, "unknown_format") for name, data in unknown.items()]
    return [*found, _entry("no byte", lambda: b"", "empty")]


def _playlists() -> list[Hostile]:
    texts = playlists(BAIT_SOUND) | {f"a second list, {k}": v for k, v in playlists(BAIT_TEXT).items() if "hls" in k}
    found = [_entry(name, lambda text=text: text, "unknown_format") for name, text in texts.items()]
    behind = {
        "an mp3 tag": boxes.id3(),
        "two frame headers": _frames(2),
        "a wav header": wav_header(1 << 20, _RATE, 16, 1),
        "an MPEG-4 brand": boxes.box(b"ftyp", b"M4A ", bytes(4), b"M4A "),
    }
    for form in ("ffconcat", "hls"):
        text = playlists(BAIT_SOUND)[f"{form} {BAIT_SOUND}"]
        found += [
            _entry(
                f"{form} behind {name}", lambda data=start + text: data, "unknown_format", "undecodable", "too_short"
            )
            for name, start in behind.items()
        ]
    elsewhere = ("undecodable", "length_mismatch", "damaged", "too_short", ACCEPTED)
    return [*found, _entry("an m4a whose sound lies elsewhere", lambda: boxes.elsewhere(_m4a(), BAIT_M4A), *elsewhere)]


def _polyglots() -> list[Hostile]:
    page = b"<html><body><script>alert(1)</script></body></html>" * 8000
    return [
        _entry("mp3 and zip", lambda: _mp3_sound() + _zip(), ACCEPTED, "damaged"),
        _entry("zip and mp3", lambda: _zip() + _mp3_sound(), "unknown_format"),
        _entry("m4a and zip", lambda: _m4a() + _zip(), ACCEPTED),
        _entry("wav and zip", lambda: _wav() + _zip(), ACCEPTED),
        _entry("wav header and page", lambda: wav_header(len(page), 8000, 16, 1) + page, ACCEPTED, "clipped"),
        _entry("page in an mp3 tag", lambda: boxes.id3(boxes.picture(page[:90_000])) + _mp3_sound(), ACCEPTED),
        _entry("cover of 20 MB", lambda: boxes.id3(boxes.picture(bytes(20 << 20))) + _mp3_sound(), ACCEPTED),
        _entry(
            "cover that claims 256 MB",
            lambda: boxes.id3(boxes.picture(b"x" * 99, claimed=(1 << 28) - 1)) + _mp3_sound(),
            ACCEPTED,
        ),
        _entry("tag that claims 256 MB", lambda: boxes.id3(claimed=(1 << 28) - 1) + _mp3_sound(), "undecodable"),
        _entry("2,000 empty tags", lambda: boxes.id3() * 2000 + _mp3_sound(), "unknown_format"),
        _entry("m4a named wav", _m4a, ACCEPTED),
        _entry("a film", lambda: film_bytes(speech_like(_SECONDS, _RATE), _RATE), "video"),
        _entry("Opus in MPEG-4", lambda: opus_in_mp4_bytes(speech_like(_SECONDS)), "unsupported_codec"),
    ]


def _wav_headers() -> list[Hostile]:
    wav, exact = _wav(), "length_mismatch"
    fields = [
        ("no channels", 22, "<H", 0, "undecodable"),
        ("65,535 channels", 22, "<H", 0xFFFF, "undecodable", "unsupported_format", "too_short"),
        ("0 Hz", 24, "<I", 0, "undecodable"),
        ("1 Hz", 24, "<I", 1, "unsupported_format"),
        ("4,294,967,295 Hz", 24, "<I", 0xFFFFFFFF, "undecodable", "unsupported_format"),
        ("a negative rate", 24, "<I", 0x80000000, "undecodable", "unsupported_format"),
        ("blocks of no byte", 32, "<H", 0, ACCEPTED, "undecodable", exact),
        ("blocks of 65,535 bytes", 32, "<H", 0xFFFF, "undecodable", "damaged", exact, ACCEPTED),
        ("0 bits", 34, "<H", 0, "undecodable", "unsupported_codec", ACCEPTED),
        ("65,535 bits", 34, "<H", 0xFFFF, "undecodable", "unsupported_codec"),
        ("a codec nobody knows", 20, "<H", 0x7777, "unsupported_codec", "undecodable"),
        ("a fmt chunk of 4 GB", 16, "<I", 0xFFFFFFFF, "undecodable"),
        ("a fmt chunk of no byte", 16, "<I", 0, "undecodable"),
    ]
    found = [
        _entry(f"wav, {name}", lambda at=at, kind=kind, value=value: _field(wav, at, kind, value), *ends)
        for name, at, kind, value, *ends in fields
    ]
    return [
        *found,
        _entry("wav, a RIFF of 4 GB", lambda: wav[:4] + b"\xff" * 4 + wav[8:], ACCEPTED),
        _entry("wav, 4 GB of data claimed", lambda: wav_claims(wav, 0xFFFFFFFF), ACCEPTED),
        _entry("wav, 600 s claimed", lambda: wav_claims(wav, 600 * 2 * _RATE), exact),
        _entry("wav, no data claimed", lambda: wav_claims(wav, 0), ACCEPTED, "undecodable"),
        _entry("wav, a second claimed", lambda: wav_claims(wav, 2 * _RATE), "too_short"),
        _entry("rf64, 16 EB claimed", lambda: _rf64(0xFFFFFFFFFFFFFFFF), exact, "undecodable", ACCEPTED),
        _entry("wav, a million empty chunks", lambda: wav[:36] + b"LIST\0\0\0\0" * 1_000_000 + wav[36:], *_CHUNKS),
        _entry("wav, no data chunk", lambda: wav[:36], "undecodable"),
    ]


_CHUNKS = (ACCEPTED, "undecodable", "too_costly")


def _wav_samples() -> list[Hostile]:
    sound = speech_like(_SECONDS, _RATE)

    def spoilt(value: float) -> bytes:
        changed = sound.copy()
        changed[5000:5010] = value
        return wav_bytes(changed, _RATE, 32, floating=True)

    double = np.atleast_2d(sound).T.astype("<f8").tobytes()
    huge = np.full(_SECONDS * _RATE, 1e300).astype("<f8").tobytes()
    eight = pcm_bytes(np.stack([sound] * 8))
    masks = (0, 0xFF, 0x63F, 0xFFFFFFFF, 0x80000000)
    return [
        _entry("NaN among the samples", lambda: spoilt(np.nan), "damaged"),
        _entry("infinity among the samples", lambda: spoilt(np.inf), "damaged"),
        _entry("samples of 3e38", lambda: spoilt(3e38), "damaged"),
        _entry("samples of 1e300", lambda: wav_header(len(huge), _RATE, 64, 1, tag=3) + huge, "damaged"),
        _entry("64-bit floating point", lambda: wav_header(len(double), _RATE, 64, 1, tag=3) + double, ACCEPTED),
        _entry("whole numbers in floating point", lambda: wav_bytes(sound * 2**30, _RATE, 32, floating=True), ACCEPTED),
        _entry("32 bits", lambda: wav_bytes(sound, _RATE, 32), ACCEPTED),
        _entry("nothing but silence", lambda: wav_bytes(silence(_SECONDS, _RATE), _RATE), "silent"),
        _entry("floating silence below any sound", _subnormal, "silent"),
        _entry("a rate no codec has", lambda: _odd_rate(_SECONDS, 37_801), ACCEPTED),
        _entry("the lowest rate and a bit", lambda: _odd_rate(_SECONDS, 8_001), ACCEPTED),
        _entry("the highest rate but one", lambda: _odd_rate(_SECONDS, 191_999), ACCEPTED),
        *(
            _entry(
                f"8 channels, mask {mask:#x}",
                lambda mask=mask: boxes.extensible_wav(eight, _RATE, 16, 8, mask),
                ACCEPTED,
                "unsupported_format",
            )
            for mask in masks
        ),
    ]


def _mpeg4() -> list[Hostile]:
    m4a = _m4a()
    late = struct.pack(">I4sQ", 1, b"free", 0xFFFFFFFFFFFFFFFF)
    return [
        _entry("m4a, 20 times the length claimed", lambda: mvhd_claims(m4a, 20), "length_mismatch"),
        _entry("m4a, no length claimed", lambda: mvhd_claims(m4a, 0), ACCEPTED),
        _entry("m4a, no timescale", lambda: boxes.with_field(m4a, b"mdhd", 12, bytes(4)), *_CLOCK),
        _entry("m4a, a timescale of 1", lambda: boxes.with_field(m4a, b"mvhd", 12, b"\0\0\0\1"), "length_mismatch"),
        _entry("m4a, a box of 16 EB instead of mvhd", lambda: boxes.with_box(m4a, (b"moov", b"mvhd"), late), *_CLOCK),
        _entry("m4a, a box of 16 EB behind the sound", lambda: _late_box(m4a, late), *_CLOCK),
        _entry("m4a, boxes within boxes", lambda: m4a + _nested_boxes(20_000), *_CLOCK),
        _entry(
            "m4a, 100,000 tracks", lambda: boxes.box(b"ftyp", b"M4A ") + _tracks(100_000), "undecodable", "too_costly"
        ),
        _entry("m4a in fragments", lambda: fragmented_m4a_bytes(speech_like(_SECONDS, _RATE), _RATE), ACCEPTED),
        _entry("lossless m4a", lambda: alac_bytes(speech_like(_SECONDS, _RATE), _RATE), ACCEPTED),
        _entry("m4a, its brand alone", lambda: boxes.box(b"ftyp", b"M4A ", bytes(4)), "undecodable"),
    ]


_CLOCK = (ACCEPTED, "undecodable", "length_mismatch")


def _mp3() -> list[Hostile]:
    mp3 = _mp3_sound()
    return [
        _entry("mp3, 20 times the frames claimed", lambda: xing_claims(mp3, 20), "length_mismatch"),
        _entry("mp3, no frame claimed", lambda: xing_claims(mp3, 0), ACCEPTED),
        _entry("mp3, two rates", lambda: mp3 + mp3_bytes(speech_like(_SECONDS, 44_100)), "changing_format", "damaged"),
        _entry("mp3 of frames without sound", lambda: _frames(1000), "silent", "undecodable", "damaged", "too_short"),
        _entry("mp3 renamed m4a", lambda: mp3, ACCEPTED),
    ]


def _cut() -> list[Hostile]:
    """Every kind of file, ended behind each of its parts."""
    kinds = {
        "wav": (_wav(), (4, 11, 12, 20, 35, 43, 44, 45, 1000, 200_001)),
        "mp3": (_mp3_sound(), (3, 9, 10, 44, 45, 46, 200, 1000, 30_000)),
        "m4a": (_m4a(), (4, 8, 20, 31, 36, 1000)),
        "m4a, index first": (
            m4a_bytes(speech_like(_SECONDS, _RATE), _RATE, moov_first=True),
            (40, 150, 400, 900, 9_000),
        ),
    }
    ends = ("unknown_format", "undecodable", "unsupported_codec", "too_short", "length_mismatch", "damaged")
    return [
        _entry(f"{kind} cut at {at}", lambda data=data[:at]: data, *ends)
        for kind, (data, cuts) in kinds.items()
        for at in cuts
    ] + [
        _entry(f"{kind} without its last byte", lambda data=data[:-1]: data, *ends, ACCEPTED)
        for kind, (data, _) in kinds.items()
    ]


def flac_bomb(hours: float) -> bytes:
    """Hours of silence: a frame of 65,535 equal samples has 14 bytes and more, and its type is not read at all."""
    return b"fLaC\x80\0\0\x22" + bytes(34) + (b"\xff\xf8\x79\x08" + bytes(10)) * round(hours * 3600 * 8000 / 65_535)


@cache
def _wav() -> bytes:
    return wav_bytes(speech_like(_SECONDS, _RATE), _RATE)


@cache
def _mp3_sound() -> bytes:
    return mp3_bytes(speech_like(_SECONDS, _RATE), _RATE, 32_000)


@cache
def _m4a() -> bytes:
    return m4a_bytes(speech_like(_SECONDS, _RATE), _RATE, 48_000)


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../evil.sh", "#!/bin/sh\n" * 500)
    return target.getvalue()


def _frames(count: int) -> bytes:
    """MPEG frames of 128 kbit/s at 44.1 kHz with nothing in them."""
    return (b"\xff\xfb\x90\xc4" + bytes(413)) * count


def _covers(count: int) -> bytes:
    return boxes.id3(boxes.squeezed_picture(200) * count)


def _field(data: bytes, at: int, kind: str, value: int) -> bytes:
    new = struct.pack(kind, value)
    return data[:at] + new + data[at + len(new) :]


def _rf64(size: int) -> bytes:
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, size, size, size, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + wav_claims(_wav(), 0xFFFFFFFF)[12:]


def _odd_rate(seconds: float, rate: int) -> bytes:
    return wav_bytes(speech_like(seconds, rate), rate)


def _subnormal() -> bytes:
    return wav_bytes(np.full(_SECONDS * _RATE, 1e-40, np.float32), _RATE, 32, floating=True)


def _late_box(m4a: bytes, late: bytes) -> bytes:
    """The M4A without a movie header, and behind its track a box that ends beyond any file."""
    at = m4a.index(b"trak") - 4
    (size,) = struct.unpack_from(">I", m4a, at)
    return boxes.with_box(m4a, (b"moov",), boxes.box(b"moov", m4a[at : at + size], late))


def _nested_boxes(depth: int) -> bytes:
    return b"".join(struct.pack(">I4s", 8 * (depth - n), b"moov") for n in range(depth))


def _tracks(count: int) -> bytes:
    return boxes.box(b"moov", boxes.box(b"trak", boxes.box(b"mdia", boxes.box(b"hdlr", bytes(24)))) * count)


def _alac_frame_bomb() -> bytes:
    """An M4A whose lossless frames claim 16,777,216 samples each, of 8 channels."""
    data = alac_bytes(speech_like(_SECONDS, _RATE), _RATE)
    at = data.index(b"alac", data.index(b"alac") + 4) + 8
    return data[:at] + struct.pack(">I", 1 << 24) + data[at + 4 : at + 9] + b"\x08" + data[at + 10 :]
