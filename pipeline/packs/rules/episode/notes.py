"""Show notes to start from: what the episode is about, its chapters, who is heard, and how it was made."""

from collections.abc import Sequence

from pipeline.packs.rules.episode.credits import Credit, disclosure
from pipeline.packs.rules.episode.publication import PLACEHOLDER, Publication, clock
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.rules.episode.transcript import marked

SUMMARY_WANTED = "(What is this episode about? Write it as `description` under `episode` in the project file.)"


def notes_markdown(
    timeline: Timeline, publication: Publication, credited: Sequence[Credit], links: Sequence[str]
) -> str:
    """Return the notes; `links` are the names of the files to point at.

    Chapters begin their lines with a time alone, which players turn into a link.
    """
    episode = publication.episode
    sections = [
        [f"# {marked(publication.title)}"],
        [_place(publication)] if episode.show else [],
        [marked(episode.description) if episode.description else SUMMARY_WANTED],
        _list("Chapters", [f"{clock(chapter.start)} {marked(chapter.title)}" for chapter in timeline.chapters]),
        _list("Voices", [f"{marked(one.name)} ({one.role})" for one in credited]),
        _list("Links", [f"[{name}]({publication.address(name)})" for name in links]),
        [marked(disclosure(credited))] if credited else [],
        _list("Before this is published", _open_ends(timeline, publication)),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _place(publication: Publication) -> str:
    episode = publication.episode
    numbers = [f"season {episode.season}"] * (episode.season is not None)
    numbers += [f"episode {episode.number}"] * (episode.number is not None)
    return ", ".join([marked(episode.show), *numbers])


def _open_ends(timeline: Timeline, publication: Publication) -> list[str]:
    """List what only a person can finish."""
    episode = publication.episode
    missing = [f"Line {marked(piece.line_id)} ({marked(piece.speaker)}) has no take yet." for piece in timeline.missing]
    empty = [f"Chapter {marked(title)} is empty, and left out." for title in timeline.empty]
    link = [f"Set `link` under `episode`: addresses begin with {PLACEHOLDER} until then."] * (not episode.link)
    day = ["Set `date` under `episode`: the feed has no day of publication until then."] * (episode.date is None)
    return [*missing, *empty, *link, *day]


def _list(heading: str, entries: Sequence[str]) -> list[str]:
    return [f"## {heading}", "", *(f"- {entry}" for entry in entries)] if entries else []
