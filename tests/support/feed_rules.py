"""What an episode's feed has to fulfil: of RSS 2.0, of iTunes and of the Podcasting 2.0 namespace."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
ADDRESSES = ("url", "uri", "href")
TRANSCRIPTS = {"text/plain", "text/html", "text/vtt", "application/json", "application/x-subrip"}
ROLES = {"host", "co-host", "guest host", "guest", "voice actor", "narrator", "announcer", "reporter"}
ONCE = ("title", "description", "link", "guid", "pubDate", "enclosure", f"{PODCAST}chapters", f"{ITUNES}duration")


def broken_rules(document: str) -> list[str]:
    """Return what is wrong with a feed of one episode; nothing where it is valid."""
    rss = ET.fromstring(document)
    channel = rss.find("channel")
    if rss.tag != "rss" or rss.get("version") != "2.0" or channel is None:
        return ["not a channel of RSS 2.0"]
    item = channel.find("item")
    if item is None:
        return ["no item"]
    return [*_channel(channel), *_item(item), *_podcast(item), *_addresses(rss)]


def _channel(channel: Any) -> Iterator[str]:
    yield from (
        f"channel has no {tag}" for tag in ("title", "link", "description", "language") if not channel.findtext(tag)
    )
    yield from _disclosed("channel", channel)


def _item(item: Any) -> Iterator[str]:
    yield from (f"item has {tag} more than once" for tag in ONCE if len(item.findall(tag)) > 1)
    yield from (f"item has no {tag}" for tag in ("title", "guid", "description") if not item.findtext(tag))
    enclosure = item.find("enclosure")
    if enclosure is None or not {"url", "length", "type"} <= set(enclosure.attrib):
        yield "no enclosure with url, length and type"
    elif not enclosure.get("length").isdigit() or not enclosure.get("type").startswith("audio/"):
        yield "the enclosure is no sound of a known length"
    day = item.findtext("pubDate")
    if day is not None and parsedate_to_datetime(day).tzinfo is None:
        yield "pubDate is not RFC 2822"
    for tag in ("duration", "episode", "season"):
        if not re.fullmatch(r"[1-9]\d*|", item.findtext(f"{ITUNES}{tag}", "")):
            yield f"itunes:{tag} is no whole number above 0"
    if item.findtext(f"{ITUNES}explicit") not in ("true", "false"):
        yield "itunes:explicit is neither true nor false"


def _podcast(item: Any) -> Iterator[str]:
    yield from _disclosed("item", item)
    for transcript in item.findall(f"{PODCAST}transcript"):
        if transcript.get("type") not in TRANSCRIPTS or not transcript.get("url"):
            yield "a transcript without url or known type"
    for chapters in item.findall(f"{PODCAST}chapters"):
        if chapters.get("type") != "application/json+chapters" or not chapters.get("url"):
            yield "chapters without url or type"
    for person in item.findall(f"{PODCAST}person"):
        if not (person.text or "").strip() or len(person.text) > 128 or person.get("role") not in ROLES:
            yield "a person without name or known role"
    for other in item.findall(f"{PODCAST}alternateEnclosure"):
        if not other.get("type") or not [source for source in other.findall(f"{PODCAST}source") if source.get("uri")]:
            yield "an alternate enclosure without type or source"


def _disclosed(place: str, element: Any) -> Iterator[str]:
    told = [txt.text for txt in element.findall(f"{PODCAST}txt") if txt.get("purpose") == "ai-content"]
    if told != ["true"]:
        yield f"{place} does not say that its voices are synthetic"


def _addresses(rss: Any) -> Iterator[str]:
    for element in rss.iter():
        for name in ADDRESSES:
            address = element.get(name)
            if address is not None and (urlsplit(address).scheme not in ("http", "https") or " " in address):
                yield f"{element.tag} leads to {address}"
