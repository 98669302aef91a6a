"""A quick look at a take: what it is and how long, without decoding it."""

from dataclasses import dataclass

from pipeline.audio.decode import open_container
from pipeline.audio.formats import Coding, SpeechFormat, parse_format
from pipeline.audio.mpeg import count_seconds
from pipeline.audio.rejection import AudioRejected, rejected
from pipeline.audio.sniff import SNIFF_BYTES, Container, looks_like, sniff

_TEXT_STARTS = (b"{", b"[", b"<")


@dataclass(frozen=True)
class SpeechProbe:
    """What a take is. `seconds` is counted in packets, header claims are not believed.

    `comment` is what a tag says of the audio; empty for bare samples, which have none.
    """

    seconds: float
    coding: Coding
    sample_rate: int
    channels: int
    comment: str = ""


def probe_speech(audio: bytes, format: str) -> SpeechProbe:  # noqa: A002 - the field's name in every speech API
    """Say what `audio` is and how long, in a few milliseconds.

    Its content decides between MP3, WAV and M4A; `format` (`mp3_44100_128`, `pcm_24000`, ...) describes bare samples.
    Raises `AudioRejected` where it is empty or no audio.
    """
    wanted = parse_format(format)
    coding = recognise(audio, wanted)
    container = coding.container
    probe = _bare(audio, wanted) if container is None else _contained(audio, coding, container)
    if not probe.seconds:
        raise _not_audio("the audio holds no sound", "0 s")
    return probe


def count_speech_seconds(audio: bytes, format: str) -> float:  # noqa: A002 - as above
    """Return how long `audio` is, as `probe_speech` says it, and sooner where its frames can simply be counted.

    Raises `AudioRejected` where it is empty or no audio.
    """
    is_mp3 = recognise(audio, parse_format(format)) is Coding.MP3
    return (count_seconds(audio) if is_mp3 else None) or probe_speech(audio, format).seconds


def recognise(audio: bytes, wanted: SpeechFormat) -> Coding:
    """Return how `audio` is really stored. Raises `AudioRejected` where it is empty or no audio."""
    if not audio:
        raise _not_audio("the audio is empty", "0 bytes")
    container = sniff(audio[:SNIFF_BYTES])
    bare = wanted.coding.container is None
    # Bare samples may look like an MPEG header by chance, never like RIFF or MPEG-4.
    if container is not None and not (bare and container is Container.MP3):
        return Coding(container.value)
    if not bare or _is_text(audio):
        seems = looks_like(audio[:SNIFF_BYTES])
        raise _not_audio(f"this is no {wanted.coding} audio: it looks like {seems}", seems)
    return wanted.coding


def _bare(audio: bytes, wanted: SpeechFormat) -> SpeechProbe:
    return SpeechProbe(len(audio) // wanted.bytes_per_sample / wanted.rate, wanted.coding, wanted.rate, channels=1)


def _contained(audio: bytes, coding: Coding, kind: Container) -> SpeechProbe:
    with open_container(audio, kind) as container:
        stream = container.streams.audio[0]
        ticks = sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
        tick = stream.time_base
        seconds = ticks * tick.numerator / tick.denominator if tick else 0.0
        comment = container.metadata.get("comment", "")
        return SpeechProbe(seconds, coding, stream.sample_rate, stream.channels, comment)


def _is_text(audio: bytes) -> bool:
    head = audio[:64].lstrip()
    return head.startswith(_TEXT_STARTS) and head.isascii() and head.decode("ascii").isprintable()


def _not_audio(message: str, measured: str) -> AudioRejected:
    return rejected(
        "not_audio",
        message,
        measured=measured,
        allowed="audio in the format that was asked for",
        hint="keep the answer as it came; it may hold the provider's error message",
    )
