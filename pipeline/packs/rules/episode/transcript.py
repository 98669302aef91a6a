"""The transcript: as text, as Markdown, as an HTML page that needs no network, and as JSON with timed words."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

from pipeline.packs.rules.episode.publication import Publication, clock
from pipeline.packs.rules.episode.timeline import Chapter
from pipeline.packs.rules.episode.words import HeardPiece, plain

JSON_VERSION: Final = "1.0.0"
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>&#|~])")
_LIST_ITEM: Final = re.compile(r"^(\d*)([-+.)])")
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 Georgia, serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, nav, cite, time, footer { font-family: system-ui, sans-serif; }
h2 { margin-top: 2.5rem; }
cite { font-style: normal; font-weight: 600; }
time { color: GrayText; font-size: .85rem; }
article { margin: 1.2rem 0; }
article p { margin: .3rem 0; }
:target { background: Mark; color: MarkText; }
footer { margin-top: 3rem; font-size: .9rem; }
""".strip()
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched, and nothing runs, whatever a script says."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody says until somebody else speaks, or a chapter begins; `start` in seconds."""

    speaker: str
    start: float
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A chapter and its turns; None for what stands before the first."""

    chapter: Chapter | None
    turns: tuple[Turn, ...]


def parts_of(pieces: Sequence[HeardPiece], chapters: Sequence[Chapter]) -> list[Part]:
    """Sort the pieces into chapters by the time at which they are heard, and into turns."""
    begun = [chapter.start for chapter in chapters]

    def number(piece: HeardPiece) -> int:
        # A chapter may begin with the music before its first word, never after it.
        return sum(start <= piece.placed.start + 1e-6 for start in begun)

    return [
        Part(chapters[at - 1] if at else None, tuple(_turns(list(group)))) for at, group in groupby(pieces, key=number)
    ]


def as_text(parts: Sequence[Part], publication: Publication) -> str:
    """Return the words alone, a turn a paragraph."""
    lines = [plain(publication.title), ""]
    for part in parts:
        lines += [plain(part.chapter.title), ""] if part.chapter else []
        for turn in part.turns:
            first, *rest = turn.paragraphs
            lines += [
                f"{turn.speaker}: {first}" if turn.speaker else first,
                "",
                *(_ for text in rest for _ in (text, "")),
            ]
    return "\n".join(lines).rstrip() + "\n"


def as_markdown(parts: Sequence[Part], publication: Publication) -> str:
    """Return chapters as headings, with speakers and times."""
    lines = [f"# {marked(publication.title)}", ""]
    for part in parts:
        lines += [f"## {marked(part.chapter.title)} ({clock(part.chapter.start)})", ""] if part.chapter else []
        for turn in part.turns:
            name = f"**{marked(turn.speaker)}** " if turn.speaker else ""
            lines += [f"{name}({clock(turn.start)})", ""]
            lines += [_ for text in turn.paragraphs for _ in (marked(text), "")]
    return "\n".join(lines).rstrip() + "\n"


def as_html(parts: Sequence[Part], publication: Publication, disclosure: str) -> str:
    """Return one page to read, with links to chapters and turns; speakers and times as Podcasting 2.0 marks them up."""
    title = escape(plain(publication.title))
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{escape(publication.language)}">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            f'<h1 dir="auto">{title}</h1>',
            *_contents(parts),
            "<main>",
            *(line for at, part in enumerate(parts) for line in _part(at, part)),
            "</main>",
            f"<footer><p>{escape(disclosure)}</p></footer>",
            "</body>",
            "</html>\n",
        ]
    )


def as_json(pieces: Sequence[HeardPiece]) -> str:
    """Return a segment a word, in the transcript format of Podcasting 2.0."""
    segments = [
        {
            "speaker": plain(piece.placed.piece.speaker),
            "startTime": round(word.start, 3),
            "endTime": round(word.end, 3),
            "body": word.text if word.glued else f" {word.text}",
        }
        for piece in pieces
        for word in piece.words
    ]
    rows = ",\n".join(json.dumps(segment, ensure_ascii=False) for segment in segments)
    return f'{{"version": "{JSON_VERSION}", "segments": [\n{rows}\n]}}\n'


def _turns(pieces: list[HeardPiece]) -> Iterator[Turn]:
    for speaker, group in groupby(pieces, key=lambda piece: plain(piece.placed.piece.speaker)):
        said = [piece.placed for piece in group if plain(piece.placed.piece.text)]
        paragraphs = groupby(said, key=lambda placed: placed.piece.paragraph)
        texts = tuple(" ".join(plain(placed.piece.text) for placed in paragraph) for _, paragraph in paragraphs)
        if texts:
            yield Turn(speaker, said[0].start, texts)


def _contents(parts: Sequence[Part]) -> list[str]:
    links = [
        f'<li><a href="#chapter-{at}" dir="auto">{escape(plain(part.chapter.title))}</a></li>'
        for at, part in enumerate(parts)
        if part.chapter
    ]
    return ['<nav aria-label="Chapters"><ol>', *links, "</ol></nav>"] if links else []


def _part(at: int, part: Part) -> Iterator[str]:
    yield f'<section id="chapter-{at}">'
    if part.chapter:
        yield f'<h2 dir="auto">{escape(plain(part.chapter.title))} {_time(part.chapter.start)}</h2>'
    for turn in part.turns:
        anchor = f"t{round(turn.start * 1000)}"
        name = f"<cite>{escape(turn.speaker)}:</cite> " if turn.speaker else ""
        yield f'<article id="{anchor}">{name}<a href="#{anchor}">{_time(turn.start)}</a>'
        yield from (f'<p dir="auto">{escape(text)}</p>' for text in turn.paragraphs)
        yield "</article>"
    yield "</section>"


def _time(seconds: float) -> str:
    return f'<time datetime="PT{seconds:.3f}S">{clock(seconds)}</time>'


def marked(text: str) -> str:
    """Let a text be read as it stands, whatever Markdown would make of it."""
    return _LIST_ITEM.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", plain(text)))
