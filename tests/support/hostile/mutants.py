"""Recordings damaged at random, each from one number: the same number gives the same bytes."""

import random
import struct
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO

import av
import numpy as np

from tests.support.hostile.boxes import elsewhere, extensible_wav, id3, picture
from tests.support.recordings import (
    Sound,
    alac_bytes,
    film_bytes,
    fragmented_m4a_bytes,
    m4a_bytes,
    mp3_bytes,
    opus_in_mp4_bytes,
    pcm_bytes,
    speech_like,
    wav_bytes,
    with_cover,
)

BAIT_SOUND, BAIT_M4A, BAIT_TEXT = "bait.wav", "bait.m4a", "bait.txt"
"""What lies beside every recording and may never be opened."""

_WORDS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0)
_WORDS += (0xFFFFFFFF, 0xFFFFFFFE, 0x01000000, 44_100, 48_000, 192_000, 384_000)
_HEADER_BYTES = 200
_PLAYLIST_SHARE = 0.1


def playlists(beside: str) -> Mapping[str, bytes]:
    """Text files that make libav open what they name, in every way a name may be written."""
    names = [
        beside,
        f"file:{beside}",
        f"file://{beside}",
        "http://127.0.0.1:9/x.mp3",
        f"subfile,,start,0,end,0,,:{beside}",
    ]
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT20S">'
        '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    forms = {"ffconcat": "ffconcat version 1.0\nfile '{}'\n", "hls": hls, "dash": dash, "sdp": "v=0\nm=audio 9 {}\n"}
    return {f"{form} {name}": text.format(name).encode() for form, text in forms.items() for name in names}


@cache
def recordings() -> tuple[tuple[str, bytes], ...]:
    """One small file of everything that is read, and of what is refused."""
    sound, low = speech_like(1, 44_100), speech_like(1, 16_000)
    m4a = m4a_bytes(sound)
    found: dict[str, bytes] = {
        "wav 8": wav_bytes(low, 16_000, 8),
        "wav 16": wav_bytes(low, 16_000),
        "wav 24 stereo": wav_bytes(np.stack([sound, sound]), 44_100, 24),
        "wav float": wav_bytes(low, 16_000, 32, floating=True),
        "wav of 6 channels": extensible_wav(pcm_bytes(np.stack([low] * 6)), 16_000, 16, 6, 0x3F),
        "wav mu-law": encoded(low, 16_000, "wav", "pcm_mulaw"),
        "wav ima adpcm": encoded(low, 16_000, "wav", "adpcm_ima_wav"),
        "wav ms adpcm": encoded(low, 16_000, "wav", "adpcm_ms"),
        "mp3 in wav": encoded(low, 16_000, "wav", "libmp3lame"),
        "mp3": mp3_bytes(sound),
        "mp3 8 kHz": mp3_bytes(speech_like(1, 8000), 8000, 8000),
        "mp3 with cover": with_cover(mp3_bytes(low, 16_000, 24_000)),
        "mp3 with v2.4 tag": id3(picture(bytes(600))) + mp3_bytes(low, 16_000, 24_000),
        "m4a": m4a,
        "m4a, index first": m4a_bytes(low, 16_000, 24_000, moov_first=True),
        "m4a in fragments": fragmented_m4a_bytes(low, 16_000),
        "m4a elsewhere": elsewhere(m4a, BAIT_M4A),
        "alac": alac_bytes(speech_like(0.8, 16_000), 16_000),
        "opus in mp4": opus_in_mp4_bytes(speech_like(1)),
        "film": film_bytes(low, 16_000),
    }
    return tuple(found.items())


def _smuggled(chance: random.Random) -> tuple[str, bytes]:
    """A whole playlist: as it is, behind the beginning of a recording, or inside of one."""
    name, text = chance.choice(tuple(playlists(chance.choice((BAIT_SOUND, BAIT_M4A, BAIT_TEXT))).items()))
    host, data = chance.choice(recordings())
    cut = chance.choice((12, 44, 200, chance.randrange(len(data))))
    form = chance.choice(("as it is", "with a comment", f"behind a tag of {host}", f"behind {host}", f"in {host}"))
    whole = {
        "as it is": text,
        "with a comment": text + b"#" + chance.randbytes(300).replace(b"\n", b""),
        f"behind a tag of {host}": id3(picture(data[:cut])) + text * chance.choice((1, 200)),
        f"behind {host}": data[:cut] + text * chance.choice((1, 200)),
        f"in {host}": data[:cut] + text + data[cut:],
    }
    return f"{name}, {form}", whole[form]


def mutant(number: int) -> tuple[str, bytes]:
    """The recording of this number, and what it was made from."""
    chance = random.Random(number)
    if chance.random() < _PLAYLIST_SHARE:
        return _smuggled(chance)
    name, data = chance.choice(recordings())
    made, data = damaged(chance, data)
    return f"{name}, {made}", data


def damaged(chance: random.Random, data: bytes) -> tuple[str, bytes]:
    """What was done to a file of sound or a picture, and what is left of it."""
    made = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        change = chance.choice(_CHANGES)
        data = change(chance, data)
        made.append(change.__name__.strip("_"))
    return ", ".join(made), data


def encoded(sound: Sound, rate: int, muxer: str, codec: str) -> bytes:
    target = BytesIO()
    with av.open(target, "w", format=muxer) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(pcm_frame(sound), format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for converted in resampler.resample(frame):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return target.getvalue()


def pcm_frame(sound: Sound) -> np.ndarray:
    return np.frombuffer(pcm_bytes(sound), dtype="<i2").reshape(1, -1)


def _at(chance: random.Random, data: bytes, *, header: bool) -> int:
    """A place in the file: mostly in its header, or anywhere."""
    end = min(len(data), _HEADER_BYTES) if header else len(data)
    return chance.randrange(max(1, end))


def _write(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _flip_bits(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 32)) if changed else 0):
        changed[_at(chance, data, header=chance.random() < 0.5)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _field_of_the_header(chance: random.Random, data: bytes) -> bytes:
    layout = chance.choice(("<I", ">I", "<H", ">H", "B"))
    width = struct.calcsize(layout)
    word = chance.choice(_WORDS) & ((1 << 8 * width) - 1)
    return _write(data, _at(chance, data, header=True), struct.pack(layout, word))


def _field_of_a_box(chance: random.Random, data: bytes) -> bytes:
    """A word of the index, or of a chunk, where its name says what follows."""
    names = [name for name in _NAMED if name in data]
    if not names:
        return _field_of_the_header(chance, data)
    at = data.index(chance.choice(names)) + chance.choice((-4, 4, 8, 12, 16, 20, 24, 28))
    return _write(data, max(0, at), struct.pack(chance.choice(("<I", ">I")), chance.choice(_WORDS)))


_NAMED = tuple(
    b"ftyp moov mvhd trak tkhd edts elst mdia mdhd minf dref stbl stsd mp4a esds alac stts stsc stsz stco moof traf "
    b"tfhd trun mdat udta fmt data ds64 fact LIST Xing Info LAME APIC TSSE ID3".split()
)


def _cut(chance: random.Random, data: bytes) -> bytes:
    return data[: _at(chance, data, header=chance.random() < 0.3)]


def _cut_out(chance: random.Random, data: bytes) -> bytes:
    at = _at(chance, data, header=chance.random() < 0.3)
    return data[:at] + data[at + chance.choice((1, 4, 44, 400, 4000)) :]


def _repeat_a_piece(chance: random.Random, data: bytes) -> bytes:
    at, length = _at(chance, data, header=chance.random() < 0.5), chance.choice((4, 8, 64, 1024))
    return data[:at] + data[at : at + length] * chance.choice((2, 3, 50)) + data[at + length :]


def _insert_noise(chance: random.Random, data: bytes) -> bytes:
    at = _at(chance, data, header=chance.random() < 0.5)
    return data[:at] + chance.randbytes(chance.choice((1, 16, 700))) + data[at:]


def _overwrite_with_noise(chance: random.Random, data: bytes) -> bytes:
    return _write(data, _at(chance, data, header=False), chance.randbytes(chance.choice((8, 300, 3000))))


def _graft(chance: random.Random, data: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    other = chance.choice(recordings())[1]
    return data[: _at(chance, data, header=chance.random() < 0.5)] + other[_at(chance, other, header=False) :]


def _tag_in_front(chance: random.Random, data: bytes) -> bytes:
    claimed = chance.choice((0, 100, 4000, (1 << 28) - 1, None))
    return id3(picture(chance.randbytes(100), claimed=chance.choice((None, (1 << 28) - 1))), claimed=claimed) + data


def _tail(chance: random.Random, data: bytes) -> bytes:
    return data + chance.choice((b"PK\x03\x04" + bytes(300), b"<html><script>" * 40, chance.choice(recordings())[1]))


_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip_bits,
    _field_of_the_header,
    _field_of_a_box,
    _field_of_a_box,
    _cut,
    _cut_out,
    _repeat_a_piece,
    _insert_noise,
    _overwrite_with_noise,
    _graft,
    _tag_in_front,
    _tail,
)
