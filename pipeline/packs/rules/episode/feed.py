"""The episode's entry of a podcast feed, in a feed that holds nothing else: RSS 2.0, iTunes and Podcasting 2.0 tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from email.utils import format_datetime
from html import escape
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.packs.rules.episode.chapters import MEDIA_TYPE
from pipeline.packs.rules.episode.publication import Publication
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.rules.episode.words import plain

ITUNES: Final = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST: Final = "https://podcastindex.org/namespace/1.0"
AI_CONTENT: Final = "ai-content"
"""The purpose of the `podcast:txt` element that says that synthetic voices perform.

In use by hosts and players, and proposed; no tag of its own is part of the namespace.
"""
SOUND_TYPES: Final[Mapping[str, str]] = {
    ".mp3": "audio/mpeg", ".m4b": "audio/mp4", ".m4a": "audio/mp4", ".wav": "audio/wav", ".flac": "audio/flac",
    ".opus": "audio/ogg",
}  # fmt: skip
TRANSCRIPT_TYPES: Final[Mapping[str, str]] = {
    ".vtt": "text/vtt", ".srt": "application/x-subrip", ".html": "text/html", ".json": "application/json",
}  # fmt: skip
_CAPTIONS: Final = (".vtt", ".srt")


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A written file of the episode's sound."""

    name: str
    size_bytes: int

    @property
    def media_type(self) -> str:
        """What a server says it is."""
        return SOUND_TYPES[f".{self.name.rsplit('.', 1)[-1]}"]


def feed_xml(
    timeline: Timeline,
    publication: Publication,
    sounds: Sequence[SoundFile],
    transcripts: Sequence[str] = (),
    chapters: str | None = None,
) -> str:
    """Return the document: the first sound is the one to play, the others are alternatives.

    `transcripts` and `chapters` are names of files beside the sound.
    """
    ET.register_namespace("itunes", ITUNES)
    ET.register_namespace("podcast", PODCAST)
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    _channel(channel, publication)
    item = ET.SubElement(channel, "item")
    _item(item, timeline, publication)
    _sounds(item, timeline, publication, sounds)
    for name in transcripts:
        _transcript(item, name, publication)
    if chapters is not None:
        ET.SubElement(item, _podcast("chapters"), url=publication.address(chapters), type=MEDIA_TYPE)
    _persons(item, timeline, publication)
    ET.indent(rss)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(rss, encoding="unicode")}\n'


def _channel(channel: ET.Element, publication: Publication) -> None:
    episode = publication.episode
    title = episode.show or publication.title
    _put(channel, "title", title)
    _put(channel, "link", publication.link)
    _put(channel, "description", escape(title, quote=False))
    _put(channel, "language", publication.language)
    _put(channel, _itunes("author"), episode.author)
    _put(channel, _itunes("explicit"), _truth(of=episode.explicit))
    _put(channel, _podcast("txt"), _truth(of=True)).set("purpose", AI_CONTENT)


def _item(item: ET.Element, timeline: Timeline, publication: Publication) -> None:
    episode = publication.episode
    _put(item, "title", publication.title)
    # Readers take a description for HTML.
    _put(item, "description", escape(episode.description or publication.title, quote=False))
    _put(item, "link", publication.link)
    _put(item, "guid", publication.guid).set("isPermaLink", "false")
    if episode.date:
        _put(item, "pubDate", format_datetime(datetime.combine(episode.date, time(), UTC), usegmt=True))
    _put(item, _itunes("title"), publication.title)
    _put(item, _itunes("author"), episode.author)
    _put(item, _itunes("duration"), str(round(timeline.seconds)))
    _put(item, _itunes("episodeType"), "full")
    _put(item, _itunes("episode"), _number(episode.number))
    _put(item, _itunes("season"), _number(episode.season))
    _put(item, _itunes("explicit"), _truth(of=episode.explicit))
    if publication.cover:
        ET.SubElement(item, _itunes("image"), href=publication.address(publication.cover))
    _put(item, _podcast("txt"), _truth(of=True)).set("purpose", AI_CONTENT)


def _sounds(item: ET.Element, timeline: Timeline, publication: Publication, sounds: Sequence[SoundFile]) -> None:
    for number, sound in enumerate(sounds):
        about = {"length": str(sound.size_bytes), "type": sound.media_type}
        if number == 0:
            ET.SubElement(item, "enclosure", {"url": publication.address(sound.name), **about})
        if len(sounds) == 1:
            return
        bitrate = round(8 * sound.size_bytes / timeline.seconds) if timeline.seconds else 0
        default = {"default": "true"} if number == 0 else {}
        other = ET.SubElement(item, _podcast("alternateEnclosure"), {**about, "bitrate": str(bitrate), **default})
        ET.SubElement(other, _podcast("source"), uri=publication.address(sound.name))


def _transcript(item: ET.Element, name: str, publication: Publication) -> None:
    ending = f".{name.rsplit('.', 1)[-1]}"
    timed = {"rel": "captions"} if ending in _CAPTIONS else {}
    about = {"url": publication.address(name), "type": TRANSCRIPT_TYPES[ending], "language": publication.language}
    ET.SubElement(item, _podcast("transcript"), {**about, **timed})


def _persons(item: ET.Element, timeline: Timeline, publication: Publication) -> None:
    for member, role in publication.speaking(timeline.placed):
        person = _put(item, _podcast("person"), f"{plain(member.name)} ({member.disclosure})"[:128])
        person.attrib.update(role=role, group="cast")


def _put(parent: ET.Element, tag: str, text: str) -> ET.Element:
    """Add an element, unless there is nothing to say in it."""
    shown = plain(text)
    element = ET.Element(tag)
    element.text = shown
    if shown:
        parent.append(element)
    return element


def _itunes(name: str) -> str:
    return f"{{{ITUNES}}}{name}"


def _podcast(name: str) -> str:
    return f"{{{PODCAST}}}{name}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _truth(*, of: bool) -> str:
    return "true" if of else "false"
