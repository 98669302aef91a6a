"""The music and the cover of an episode on this machine's disk, looked at before anything is spoken and paid."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown.picture import read_cover
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import Sound
from pipeline.cli.client import Client, require_whole
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.pack.keeping import sha256_of
from pipeline.cli.submission import LocalProject
from pipeline.errors import EnvironmentFault
from pipeline.intake.rules.episode import Episode
from pipeline.intake.rules.problems import Problem, did_you_mean, invalid_sheet, listed

Json = dict[str, Any]
MUSIC = ".music"
"""Where an episode's folder keeps what was fetched of the bucket's music."""
_SHOWN_HASH = 16
"""Characters of a hash in a file name: another piece of the same name is another file."""


def bring_music(client: Client, local: LocalProject, folder: Path) -> dict[str, Path]:
    """Fetch the music that a script names in the bucket, and return where each name lies; what is there stays.

    Raises `InvalidSheet` with every name that there is not.
    """
    episode = local.project.episode or Episode()
    wanted = {music.shared for music in episode.music.values() if music.shared}
    if not wanted:
        return {}
    known = {row["name"]: row for row in client.pages("/music", "name")}
    problems = [
        _unknown(local.name, role, music.shared, list(known))
        for role, music in episode.music.items()
        if music.shared and music.shared not in known
    ]
    if problems:
        refused = invalid_sheet(problems)
        refused.hint = "Correct what is listed; `callsheet music` lists what is in the bucket."
        raise refused
    with writing_to(folder):
        brought = {name: _bring(client, known[name], folder / MUSIC) for name in sorted(wanted)}
        _clear(folder / MUSIC, brought)
    return brought


def require_usable(local: LocalProject, music: Mapping[str, Path] = MappingProxyType({})) -> None:
    """Raise `InvalidSheet` with every piece of music that is no sound, and a cover that players cannot show.

    Of what lies in the bucket the pieces in `music` are heard.
    """
    problems = list(_unusable(local, music))
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
    """Delete music that the script does not name any more, and what was replaced."""
    for path in folder.iterdir():
        if path not in kept.values():
            path.unlink()


def _unknown(file: str, role: str, name: str, known: list[str]) -> Problem:
    return Problem(
        file,
        f"episode.{role}",
        f"bucket:{name}",
        "there is no such music in the bucket",
        allowed=listed(known) if known else "",
        hint=did_you_mean(name, known) or f"`callsheet music add FILE --as {name}` puts it there",
    )


def _unusable(local: LocalProject, music: Mapping[str, Path]) -> Iterator[Problem]:
    episode = local.project.episode or Episode()
    for role, one in episode.music.items():
        path = music.get(one.shared) if one.shared else local.folder / one.file
        if path is None:
            continue
        try:
            if not any(block.size for block in read_sound(Sound(path), episode.channels)):
                yield Problem(local.name, f"episode.{role}", one.file, "there is no sound in it")
        except AudioRejected as rejected:
            yield _told(local.name, f"episode.{role}", one.file, rejected)
    if episode.cover:
        try:
            read_cover(local.folder / episode.cover)
        except AudioRejected as rejected:
            yield _told(local.name, "episode.cover", episode.cover, rejected)


def _told(file: str, place: str, value: str, rejected: AudioRejected) -> Problem:
    found = rejected.problems[0]
    return Problem(file, place, value, f"{found.message} ({found.measured})", found.allowed, found.hint)
