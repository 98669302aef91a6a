"""What a file is, judged by its first bytes. Names and content types are never asked."""

from enum import StrEnum

from pipeline.audio.mpeg import HEADER_BYTES, id3v2_length, parse_header

SNIFF_BYTES = 4096
"""How much of a file's start `sniff` wants to see."""

_M4A_BRANDS = frozenset(
    {b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7"}
    | {b"iso8", b"iso9", b"dash", b"avc1", b"M4V ", b"3gp4", b"3gp5", b"3gp6", b"qt  "}
)
"""MP4 family brands. Films are among them: they are opened and refused for their picture, by name."""

_LOOKS_LIKE = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"FORM", "an AIFF file"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xff\xf1", "a raw AAC stream"),
    (b"\xff\xf9", "a raw AAC stream"),
    (b"<", "a web page or XML text"),
    (b"{", "JSON text"),
)


class Container(StrEnum):
    """A container we read: MPEG layer III, RIFF/WAVE (and RF64), or MPEG-4 audio."""

    MP3 = "mp3"
    WAV = "wav"
    M4A = "m4a"

    @property
    def mime(self) -> str:
        """The media type to send it under."""
        return {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4"}[self.value]


def sniff(head: bytes) -> Container | None:
    """Return the container whose magic bytes `head` begins with, or None. Never raises."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return Container.WAV
    if head[4:8] == b"ftyp" and _is_mpeg4(head):
        return Container.M4A
    if _is_mp3(head):
        return Container.MP3
    return None


def looks_like(head: bytes) -> str:
    """Say in words what a refused file seems to be."""
    for magic, name in _LOOKS_LIKE:
        if head.startswith(magic):
            return name
    return "no audio file we know"


def _is_mpeg4(head: bytes) -> bool:
    size = int.from_bytes(head[:4], "big")
    compatible = (head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4))
    return head[8:12] in _M4A_BRANDS or any(brand in _M4A_BRANDS for brand in compatible)


def _is_mp3(head: bytes) -> bool:
    audio = head
    while tag := id3v2_length(audio):
        if tag >= len(audio):
            return True  # the tag (a cover picture, say) is longer than what we were shown
        audio = audio[tag:]
    audio = audio.lstrip(b"\0")
    first = parse_header(audio)
    if first is None:
        return False
    if len(audio) < first.length + HEADER_BYTES:
        return True
    # Two bytes of sync are no proof: a second frame has to follow where the first one ends.
    second = parse_header(audio, first.length)
    return second is not None and second.sample_rate == first.sample_rate
