import json
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from pipeline.packs.rules.episode import transcript
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.rules.episode.transcript import Part, as_html, as_json, as_markdown, as_text, parts_of
from pipeline.packs.rules.episode.words import heard_pieces
from tests.support.timelines import SAID, publication, timeline

HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script> & 1. *not* [a](http://b) `link`'


def parts(episode: Timeline) -> list[Part]:
    return parts_of(heard_pieces(episode, {}), episode.chapters)


class Page(HTMLParser):
    """What a page holds: tags with attributes, ids, links, and the text of its paragraphs."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.paragraphs: list[str] = []
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "well nested"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "p":
            self.paragraphs.append(data)


def test_turns_are_grouped_by_chapter_and_speaker() -> None:
    told = [(part.chapter and part.chapter.title, [turn.speaker for turn in part.turns]) for part in parts(timeline())]
    assert told == [(None, ["Ada"]), ("The ice", ["Ada", "Bo"]), ("The thaw", ["Ada", "Bo"])]


def test_lines_of_one_paragraph_are_read_as_one() -> None:
    episode = timeline(SAID[:2], ())
    together = [
        type(one)(type(one.piece)("x", "ADA", "Ada", one.piece.text), one.start, one.end) for one in episode.placed
    ]
    (part,) = parts(Timeline(together, [], episode.seconds))
    assert part.turns[0].paragraphs == (f"{SAID[0][2]} {SAID[1][2]}",)
    assert len(parts(episode)[0].turns[0].paragraphs) == 2


def test_the_text_holds_every_word_and_nobody_twice() -> None:
    text = as_text(parts(timeline()), publication())
    assert text.startswith("Eleven days\n\nAda: When the harbour froze")
    assert all(said in text for _, _, said in SAID)
    assert text.count("The ice\n") == 1


def test_markdown_reads_as_it_was_meant() -> None:
    source = as_markdown(parts(timeline([("ADA", "Ada_1", f"1. {HOSTILE}")], ["One *two*"])), publication())
    tokens = MarkdownIt().parse(source)
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2"]
    shown = [MarkdownIt().renderInline(token.content) for token in tokens if token.type == "inline"]
    assert shown[1] == "One *two* (00:02)"
    assert shown[2] == "<strong>Ada_1</strong> (00:02)"
    assert shown[3].startswith("1. &lt;script src=&quot;https://evil.example/x.js&quot;&gt;")
    assert shown[3].endswith("*not* [a](http://b) `link`")


def test_unescaped_markdown_would_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "marked", lambda text: text)
    source = as_markdown(parts(timeline([("ADA", "Ada", f"1. {HOSTILE}")])), publication())
    assert "<li>" in MarkdownIt().render(source)


def test_the_page_is_well_nested_and_every_link_leads_to_a_place_on_it() -> None:
    page = Page(as_html(parts(timeline()), publication(), "All synthetic."))
    assert {link.removeprefix("#") for link in page.attributes["href"]} <= set(page.attributes["id"])
    assert len(page.attributes["id"]) == len(set(page.attributes["id"]))
    assert page.paragraphs == [*(text for _, _, text in SAID), "All synthetic."]
    assert page.tags.count("cite") == 5


def test_the_page_asks_nobody_for_anything() -> None:
    page = Page(as_html(parts(timeline([("ADA", "Ada", HOSTILE)])), publication(title=HOSTILE), ""))
    assert "src" not in page.attributes
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.attributes["href"])
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.attributes["content"]


def test_an_unescaped_page_would_run_what_a_script_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "escape", lambda text: text)
    source = as_html(parts(timeline([("ADA", "Ada", HOSTILE)])), publication(), "")
    assert "<script src=" in source


def test_json_gives_each_word_its_time() -> None:
    episode = timeline()
    told = json.loads(as_json(heard_pieces(episode, {})))
    assert told["version"] == "1.0.0"
    assert (
        "".join(segment["body"] for segment in told["segments"]).split() == " ".join(text for *_, text in SAID).split()
    )
    starts = [segment["startTime"] for segment in told["segments"]]
    assert starts == sorted(starts)
    assert told["segments"][0] | {"endTime": 0} == {"speaker": "Ada", "startTime": 2.0, "endTime": 0, "body": " When"}


def test_an_episode_without_a_line_has_transcripts_all_the_same() -> None:
    empty = Timeline([], [], 3.0)
    assert as_text(parts(empty), publication()) == "Eleven days\n"
    assert json.loads(as_json([]))["segments"] == []
    assert Page(as_html(parts(empty), publication(), "")).tags.count("article") == 0
