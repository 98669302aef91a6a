"""Chapters for players that read them from a file: Podcasting 2.0, JSON chapters 1.2."""

import json
from collections.abc import Sequence

from pipeline.packs.rules.episode.publication import Publication
from pipeline.packs.rules.episode.timeline import Chapter
from pipeline.packs.rules.episode.words import plain

VERSION = "1.2.0"
MEDIA_TYPE = "application/json+chapters"


def chapters_json(chapters: Sequence[Chapter], publication: Publication, file: str | None) -> str:
    """Return the document; `file` is the name of the sound that it belongs to. Times in seconds, to the millisecond."""
    episode = publication.episode
    told = {
        "version": VERSION,
        "title": plain(publication.title),
        "podcastName": plain(episode.show),
        "author": plain(episode.author),
        "description": plain(episode.description),
        "fileName": file,
    }
    entries = [
        {"startTime": round(chapter.start, 3), "endTime": round(chapter.end, 3), "title": plain(chapter.title)}
        for chapter in sorted(chapters, key=lambda chapter: chapter.start)
    ]
    document = {name: value for name, value in told.items() if value} | {"chapters": entries}
    return f"{json.dumps(document, ensure_ascii=False, indent=2)}\n"
