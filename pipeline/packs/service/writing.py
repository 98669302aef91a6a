"""Writes the words of an episode: captions, transcripts, chapters, feed, notes and credits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.packs.rules.episode import captions, chapters, feed, notes, transcript
from pipeline.packs.rules.episode.credits import credits_json, credits_markdown, credits_of, disclosure
from pipeline.packs.rules.episode.publication import Publication
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.rules.episode.words import HeardPiece, WordTimes, heard_pieces

_TRANSCRIPTS: Final = (".vtt", ".srt", ".transcript.html", ".transcript.json")
"""What the feed links to."""
_CHAPTERS: Final = ".chapters.json"


@dataclass(frozen=True, slots=True)
class WrittenWords:
    """The files, changed or not; `estimated` are the lines whose words have no times of their own.

    Captions of these begin and end with the line's speech; where they are cut in between is told by their letters.
    """

    files: tuple[Path, ...]
    estimated: tuple[str, ...]


def write_words(
    timeline: Timeline, times: WordTimes, publication: Publication, sounds: Sequence[Path], folder: Path
) -> WrittenWords:
    """Write everything that is read and not heard, each file whole or not at all; what has not changed stays.

    `times` are those of each line's take (`pipeline.quality.word_times`). `sounds` are the written files of the
    episode, the one to play first; none while it has no sound yet. Raises `OSError` where the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    pieces = heard_pieces(timeline, times)
    heard = [feed.SoundFile(sound.name, sound.stat().st_size) for sound in sounds]
    for ending, text in {
        ".vtt": captions.as_webvtt(pieces, timeline.seconds),
        ".srt": captions.as_srt(pieces, timeline.seconds),
        **_texts(timeline, publication, pieces),
        _CHAPTERS: chapters.chapters_json(timeline.chapters, publication, heard[0].name if heard else None),
        ".rss.xml": _feed(timeline, publication, heard),
        **_told(timeline, publication, [sound.name for sound in heard]),
    }.items():
        files.append(folder / f"{publication.name}{ending}")
        _write(files[-1], text.encode())
    return WrittenWords(tuple(files), tuple(one.placed.piece.line_id for one in pieces if one.estimated))


def _texts(timeline: Timeline, publication: Publication, pieces: Sequence[HeardPiece]) -> Mapping[str, str]:
    parts = transcript.parts_of(pieces, timeline.chapters)
    told = disclosure(credits_of(timeline.placed, publication))
    return {
        ".transcript.txt": transcript.as_text(parts, publication),
        ".transcript.md": transcript.as_markdown(parts, publication),
        ".transcript.html": transcript.as_html(parts, publication, told),
        ".transcript.json": transcript.as_json(pieces),
    }


def _feed(timeline: Timeline, publication: Publication, sounds: Sequence[feed.SoundFile]) -> str:
    name = publication.name
    listed = f"{name}{_CHAPTERS}" if timeline.chapters else None
    return feed.feed_xml(timeline, publication, sounds, [f"{name}{ending}" for ending in _TRANSCRIPTS], listed)


def _told(timeline: Timeline, publication: Publication, sounds: Sequence[str]) -> Mapping[str, str]:
    credited = credits_of(timeline.placed, publication)
    links = [*sounds, f"{publication.name}.transcript.html"]
    return {
        ".notes.md": notes.notes_markdown(timeline, publication, credited, links),
        ".credits.json": credits_json(credited, timeline.seconds),
        ".credits.md": credits_markdown(credited, publication),
    }


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
