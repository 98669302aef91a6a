"""The music and the cover of an episode on this machine's disk, looked at before anything is spoken and paid."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown.coding import one_file, too_few_for
from pipeline.audio.mixdown.picture import read_cover
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import Sound
from pipeline.cli.client import Client, require_whole
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.episode.pieces import chapter_titles, lines_in, pieces
from pipeline.cli.pack.keeping import sha256_of
from pipeline.cli.submission import LocalProject
from pipeline.errors import EnvironmentFault
from pipeline.intake.rules.episode import Episode
from pipeline.intake.rules.episode_section import COVER_SUFFIXES, MUSIC_SUFFIXES
from pipeline.intake.rules.problems import Problem, did_you_mean, invalid_sheet, listed

Json = dict[str, Any]
SHARED = ".music"
"""Where an episode's folder keeps what was fetched of the bucket."""
_SHOWN_HASH = 16
"""Characters of a hash in a file name: another piece of the same name is another file."""


def bring_shared(client: Client, local: LocalProject, folder: Path) -> dict[str, Path]:
    """Fetch what a script names in the bucket, and return where each name lies; what is there stays.

    Raises `InvalidSheet` with every name that there is not, and what is no music or no picture by its file's name.
    """
    wanted = (local.project.episode or Episode()).shared
    if not wanted:
        return {}
    known = {row["name"]: row for row in client.pages("/music", "name")}
    problems = [
        problem for role, name in wanted.items() if (problem := _misnamed(local.name, role, name, known)) is not None
    ]
    if problems:
        refused = invalid_sheet(problems)
        refused.hint = "Correct what is listed; `callsheet music` lists what is in the bucket."
        raise refused
    with writing_to(folder):
        brought = {name: _bring(client, known[name], folder / SHARED) for name in sorted(set(wanted.values()))}
        _clear(folder / SHARED, brought)
    return brought


def require_usable(
    local: LocalProject, shared: Mapping[str, Path] = MappingProxyType({}), formats: Iterable[str] | None = None
) -> None:
    """Raise `InvalidSheet` with music that is no sound, a cover that no player shows, chapters that no file holds.

    Of what lies in the bucket only that in `shared` is looked at. Without `formats` those of the project are meant.
    """
    declared = local.project.episode.formats if local.project.episode else ()
    wanted = declared if formats is None else formats
    problems = [*_unusable(local, shared), *_too_many_chapters(local, wanted), *_one_file(local, wanted)]
    if problems:
        raise invalid_sheet(problems)


def _bring(client: Client, row: Json, folder: Path) -> Path:
    path = folder / f"{row['name']}.{row['sha256'][:_SHOWN_HASH]}{row['suffix']}"
    if sha256_of(path) != row["sha256"]:
        write_whole(path, _downloaded(client, row))
    return path


def _downloaded(client: Client, row: Json) -> bytes:
    try:
        return require_whole(client.download(row["url"]), row["sha256"], f"bucket:{row['name']}")
    except EnvironmentFault as fault:
        hint = f"Try again; where it stays so, `callsheet music add FILE --as {row['name']} --replace` mends it."
        raise EnvironmentFault(f"bucket:{row['name']} cannot be fetched: {fault.message}", hint=hint) from fault


def _clear(folder: Path, kept: Mapping[str, Path]) -> None:
    """Delete what the script does not name any more, and what was replaced."""
    for path in folder.iterdir():
        if path not in kept.values():
            path.unlink()


def _misnamed(file: str, role: str, name: str, known: Mapping[str, Json]) -> Problem | None:
    suffixes = COVER_SUFFIXES if role == "cover" else MUSIC_SUFFIXES
    fitting = [other for other, row in known.items() if row["suffix"] in suffixes]
    if name in fitting:
        return None
    what = "picture" if role == "cover" else "music"
    other = f"what the bucket has under this name is no {what}: a {known[name]['suffix']}" if name in known else ""
    return Problem(
        file,
        f"episode.{role}",
        f"bucket:{name}",
        other or f"there is no such {what} in the bucket",
        allowed=listed(fitting) if fitting else "",
        hint=did_you_mean(name, fitting) or f"`callsheet music add FILE --as {_free(name, role, known)}` puts it there",
    )


def _free(name: str, role: str, known: Mapping[str, Json]) -> str:
    return f"{name}-{role}" if name in known else name


def _unusable(local: LocalProject, shared: Mapping[str, Path]) -> Iterator[Problem]:
    episode = local.project.episode or Episode()
    for role, one in episode.music.items():
        path = shared.get(one.shared) if one.shared else local.folder / one.file
        if path is None:
            continue
        try:
            if not any(block.size for block in read_sound(Sound(path), episode.channels)):
                yield Problem(local.name, f"episode.{role}", one.file, "there is no sound in it")
        except AudioRejected as rejected:
            yield _told(local.name, f"episode.{role}", one.file, rejected)
    name = episode.shared.get("cover", "")
    if episode.cover and (not name or name in shared):
        try:
            read_cover(shared[name] if name else local.folder / episode.cover)
        except AudioRejected as rejected:
            yield _told(local.name, "episode.cover", episode.cover, rejected)


def _too_many_chapters(local: LocalProject, formats: Iterable[str]) -> Iterator[Problem]:
    project = local.project
    languages = {project.language_of(line.id) for line in project.lines}
    counts = [len(chapter_titles(pieces(project, lines_in(project, language)))) for language in languages]
    for name, most in too_few_for(max(counts, default=0), formats).items():
        yield Problem(
            local.name,
            "episode.formats",
            name,
            f"the script has {max(counts)} chapters, more than this format holds",
            allowed=f"{most} at most",
            hint="make sections of some of them, with a deeper heading, or leave the format out: m4b holds any number",
        )


def _one_file(local: LocalProject, formats: Iterable[str]) -> Iterator[Problem]:
    for one, other in one_file(formats):
        yield Problem(
            local.name, "episode.formats", other, f"{one} and {other} would be one file", "", "name one of them"
        )


def _told(file: str, place: str, value: str, rejected: AudioRejected) -> Problem:
    found = rejected.problems[0]
    measured = "" if found.measured in found.message else f" ({found.measured})"
    return Problem(file, place, value, f"{found.message}{measured}", found.allowed, found.hint)
