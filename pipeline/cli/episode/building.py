"""Builds an episode, or a rough mix of a chapter: takes are fetched, placed, mixed, mastered and written about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.audio.mixdown.coding import coding_of
from pipeline.audio.mixdown.mastering import Mastered
from pipeline.audio.mixdown.score import Sound
from pipeline.cli.client import Client
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.episode.progress import BuildProgress
from pipeline.cli.episode.record import left_behind, left_notes, made_of, remember, standing
from pipeline.cli.episode.script import Script
from pipeline.cli.episode.sealing import Seals, claim_of, forget_sidecars, hidden, sealed
from pipeline.cli.episode.takes import Shelf, StoredTake, suspended_notes
from pipeline.cli.episode.views import Built
from pipeline.cli.episode.words import listen
from pipeline.cli.pack.keeping import sha256_of
from pipeline.intake.rules import ClonedFrom, Designed, Project
from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.placing import place
from pipeline.packs.rules.episode.publication import CastMember, Publication, Spent, VoiceKind
from pipeline.packs.rules.episode.timeline import Piece, Timeline
from pipeline.packs.service.mastering import Sounds, build, rough, survey, tags_of
from pipeline.packs.service.writing import write_words
from pipeline.provenance import Claim, Signing

Json = dict[str, Any]
TAKES = ".takes"
"""Where an episode's folder keeps what was fetched for it."""
BARE = ("pcm", "ulaw")
"""Formats of takes that do not say themselves what they are."""


def build_episode(
    client: Client,
    script: Script,
    folder: Path,
    formats: Sequence[str],
    progress: BuildProgress,
    signing: Signing | None = None,
) -> Json:
    """Write all files of an episode into a folder, and tell of them; one that stands there already is left as it is.

    Where `signing` is given its sound is signed. Raises `UsageError` where nothing of it is spoken, `AudioRejected`,
    `AudioToolFailed`, `SigningFailed` and `EnvironmentFault`.
    """
    with writing_to(folder):
        shelf, takes = _fetched(client, script, folder, script.pieces)
        publication = publication_of(script, takes)
        shared = {name: sha256_of(path) for name, path in sorted(script.shared.items())}
        facts = [formats, asdict(publication), *([signing.identity] if signing else []), *([shared] if shared else [])]
        made = made_of(script.pieces, takes, script.episode, script.local.folder, *facts)
        record = folder / f"{script.name}.episode.json"
        told = standing(record, made)
        if told is None:
            paths = {name: folder / f"{script.name}.{coding_of(name).suffix}" for name in formats}
            built = _built(script, takes, publication, paths, progress, signing)
            told = {**built.told(script), "left": left_behind(record, built.files())}
            remember(record, made, told, built.files())
        shelf.clear(takes.values())
    notes = [*told["notes"], *left_notes(folder, told.get("left", [])), *suspended_notes(takes)]
    return {**told, "notes": notes, "folder": str(folder), "fetched": shelf.fetched}


def build_preview(client: Client, script: Script, chapter: int, folder: Path, name: str, told: BuildProgress) -> Json:
    """Write a rough mix of one chapter: speech and its pauses, no music, one small file. Raises as `build_episode`."""
    with writing_to(folder):
        chosen = [piece for piece in script.pieces if piece.chapter == chapter]
        shelf, takes = _fetched(client, script, folder, chosen)
        episode = rough(script.episode)
        sounds = survey(_sounds(takes), episode, script.local.folder, told)
        timeline = place(chosen, sounds.extents, episode, {})
        mastered = _mixed(script, timeline, sounds, episode, {"mp3": folder / name}, told, limited=False)
    return {**Built(timeline, mastered).told(script), "folder": str(folder), "fetched": shelf.fetched}


def _built(
    script: Script,
    takes: Mapping[str, StoredTake],
    publication: Publication,
    paths: Mapping[str, Path],
    progress: BuildProgress,
    signing: Signing | None,
) -> Built:
    project, episode = script.local.project, script.scored
    sounds = survey(_sounds(takes), episode, script.local.folder, progress)
    timeline = place(script.pieces, sounds.extents, episode, sounds.music_seconds)
    progress.chapters = timeline.chapters
    mastered = partial(_mixed, script, timeline, sounds, episode, progress=progress)
    delivered, seals = _delivered(mastered, paths, claim_of(script, publication, timeline), signing)
    heard = [line for line in project.lines if line.id in takes]
    times = listen(project, heard, takes, lambda done, total: progress("words", done, total))
    files = [one.path for one in delivered.files.values()]
    words = write_words(timeline, times, publication, files, files[0].parent)
    return Built(timeline, delivered, words, seals, _cover(script, publication, files[0].parent))


def _cover(script: Script, publication: Publication, folder: Path) -> Path | None:
    """Lay the cover beside the files: the feed's entry gives its address there."""
    if script.cover is None:
        return None
    path = folder / publication.cover
    if sha256_of(path) != sha256_of(script.cover):
        write_whole(path, script.cover)
    return path


def _delivered(
    mastered: Callable[[Mapping[str, Path]], Mastered],
    paths: Mapping[str, Path],
    claimed: Claim,
    signing: Signing | None,
) -> tuple[Mastered, Seals]:
    """Master the sound, and sign it where it is to be signed."""
    if signing is None:
        delivered = mastered(paths)
        forget_sidecars(delivered)
        return delivered, Seals()
    folder = next(iter(paths.values())).parent
    with hidden(folder) as apart:
        unsigned = {name: apart / path.name for name, path in paths.items()}
        return sealed(mastered(unsigned), folder, claimed, signing)


def publication_of(script: Script, takes: Mapping[str, StoredTake]) -> Publication:
    """Return what is told of an episode beside its words."""
    project = script.local.project
    spent = {line: Spent(take.row["chars"] or 0, take.row["cost_micros"] or 0) for line, take in takes.items()}
    cast = [_member(project, key, script.language) for key in dict.fromkeys(piece.character for piece in script.pieces)]
    cover = f"{script.name}.cover{script.cover.suffix.lower()}" if script.cover else ""
    return Publication(script.name, project.title, script.language, script.episode, cast, spent, cover)


def _fetched(
    client: Client, script: Script, folder: Path, chosen: Sequence[Piece]
) -> tuple[Shelf, Mapping[str, StoredTake]]:
    shelf = Shelf(folder / TAKES)
    wanted = {piece.line_id for piece in chosen} & script.spoken.keys()
    return shelf, shelf.bring(client, script.local.project.production, wanted) if wanted else {}


def _sounds(takes: Mapping[str, StoredTake]) -> dict[str, Sound]:
    return {
        line: Sound(take.path, take.row["format"] if take.row["format"].startswith(BARE) else "")
        for line, take in takes.items()
    }


def _mixed(
    script: Script,
    timeline: Timeline,
    sounds: Sounds,
    episode: Episode,
    paths: Mapping[str, Path],
    progress: Callable[[str, float, float], None],
    *,
    limited: bool = True,
) -> Mastered:
    tags = tags_of(episode, script.local.project.title, timeline, script.local.folder)
    return build(timeline, sounds, episode, paths, tags, progress, limited=limited)


def _member(project: Project, key: str, language: str) -> CastMember:
    character = project.characters[key]
    match character.voice_in(language):
        case ClonedFrom(talent=name):
            talent = project.talents[name]
            consent = talent.consent
            granted = f"{consent.granted_by}, {consent.granted_on}" if consent and consent.granted_by else "synthetic"
            return CastMember(key, character.name, VoiceKind.CLONED, talent.name, granted)
        case Designed():
            return CastMember(key, character.name, VoiceKind.DESIGNED)
    return CastMember(key, character.name, VoiceKind.SYSTEM)
