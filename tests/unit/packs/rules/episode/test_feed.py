from dataclasses import replace
from xml.etree import ElementTree as ET

import feedparser
import pytest

from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.feed import SOUND_TYPES, SoundFile, feed_xml
from pipeline.packs.rules.episode.publication import Publication
from tests.support.feed_rules import broken_rules
from tests.support.timelines import publication, timeline

SOUNDS = (SoundFile("ice.mp3", 480_000), SoundFile("ice.m4b", 400_000))
WORDS = ("ice.vtt", "ice.srt", "ice.transcript.html")


def feed(published: Publication | None = None) -> str:
    return feed_xml(timeline(), published or publication(), SOUNDS, WORDS, "ice.chapters.json")


def test_a_feed_breaks_no_rule() -> None:
    assert broken_rules(feed()) == []


@pytest.mark.parametrize(
    ("cut", "put", "broken"),
    [
        ('version="2.0"', "", "not a channel of RSS 2.0"),
        ("<language>en</language>", "", "channel has no language"),
        ("<guid", "<gone", ""),
        ('length="480000" type="audio/mpeg"', 'type="audio/mpeg"', "no enclosure with url, length and type"),
        ("<itunes:explicit>false", "<itunes:explicit>no", "itunes:explicit is neither true nor false"),
        ('purpose="ai-content"', 'purpose="x"', "item does not say that its voices are synthetic"),
        ('role="guest"', 'role="wizard"', "a person without name or known role"),
        ('type="text/vtt"', 'type="text/wrong"', "a transcript without url or known type"),
        ('url="https://example.org/shows/3/ice.mp3"', 'url="ice.mp3"', "enclosure leads to ice.mp3"),
    ],
)
def test_each_rule_would_notice(cut: str, put: str, broken: str) -> None:
    assert cut in feed()
    if broken:
        assert broken in broken_rules(feed().replace(cut, put))
    else:
        with pytest.raises(ET.ParseError):
            broken_rules(feed().replace(cut, put))


def test_another_parser_reads_what_was_meant() -> None:
    read = feedparser.parse(feed())
    assert not read.bozo
    (entry,) = read.entries
    assert read.feed.title == "Small Machines"
    assert entry.title == "Eleven days"
    assert entry.summary == "About *ice*."
    assert entry.published_parsed[:3] == (2026, 5, 1)
    assert entry.enclosures[0] == {
        "href": "https://example.org/shows/3/ice.mp3",
        "length": "480000",
        "type": "audio/mpeg",
    }
    assert (entry.itunes_episode, entry.itunes_season, entry.itunes_duration) == (
        "3",
        "1",
        str(round(timeline().seconds)),
    )
    assert entry.image.href == "https://example.org/shows/3/ice.cover.jpg"


def test_persons_are_named_with_their_role_and_what_kind_of_voice_they_have() -> None:
    found = ET.fromstring(feed()).iter("{https://podcastindex.org/namespace/1.0}person")
    assert [(person.text, person.get("role")) for person in found] == [
        ("Ada (cloned voice of Jane Roe)", "host"),
        ("Bo (synthetic voice)", "guest"),
    ]


def test_a_narrator_who_does_not_open_the_episode_is_no_guest_and_a_role_that_was_given_stands() -> None:
    def roles(published: Publication) -> list[str]:
        return [role for _, role in published.speaking(timeline().placed)]

    assert roles(publication(Episode(narrator="BO"))) == ["host", "narrator"]
    assert roles(publication(Episode(narrator="ADA"))) == ["host", "guest"]
    ada, bo = publication().cast
    assert roles(replace(publication(), cast=[ada, replace(bo, role="announcer")])) == ["host", "announcer"]


def test_a_project_that_says_nothing_has_a_valid_feed_with_addresses_to_replace() -> None:
    bare = feed(publication(Episode()))
    assert broken_rules(bare) == []
    assert 'url="https://example.invalid/ice.mp3"' in bare
    assert "pubDate" not in bare
    assert not feedparser.parse(bare).bozo


def test_text_of_any_kind_is_a_valid_feed() -> None:
    hostile = 'A & B <b>"]]>\x0b\x1f\ufffe 🎉 שלום'
    told = feed(publication(replace(publication().episode, description=hostile, author=hostile), title=hostile))
    assert broken_rules(told) == []
    item = ET.fromstring(told).find("channel/item")
    assert item is not None
    assert item.findtext("title") == 'A & B <b>"]]> 🎉 שלום'
    assert item.findtext("description") == 'A &amp; B &lt;b&gt;"]]&gt; 🎉 שלום'
    assert not feedparser.parse(told).bozo


def test_one_sound_has_no_alternatives() -> None:
    assert "alternateEnclosure" not in feed_xml(timeline(), publication(), SOUNDS[:1])


def test_every_format_of_an_episode_has_a_media_type() -> None:
    assert {f".{name}" for name in ("mp3", "m4b", "m4a", "wav", "flac", "opus")} == set(SOUND_TYPES)


def test_files_are_found_in_a_folder_of_the_links_name() -> None:
    def address(link: str) -> str:
        return publication(Episode(link=link)).address("a b.mp3")

    assert address("https://x.org/show/") == "https://x.org/show/a%20b.mp3"
    assert address("https://x.org/show?id=5#top") == "https://x.org/show/a%20b.mp3"
    assert address("https://x.org") == "https://x.org/a%20b.mp3"


def test_the_guid_is_the_projects_own_or_lasts_when_the_address_changes() -> None:
    assert publication(Episode(guid="my-guid")).guid == "my-guid"
    here, there = (
        publication(Episode(show="S", number=1, link=link)).guid for link in ("https://a.org", "https://b.org")
    )
    assert here == there
    assert here != publication(Episode(show="S", number=2)).guid
