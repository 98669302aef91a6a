"""Builds an episode's sound: measures what there is, then mixes and masters what was placed."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.audio.mixdown.coding import Coding, Mark, Tags, coding_of, too_few_for
from pipeline.audio.mixdown.hearing import Progress
from pipeline.audio.mixdown.mastering import Mastered, Target, master
from pipeline.audio.mixdown.measuring import measure_music, measure_take
from pipeline.audio.mixdown.picture import read_cover
from pipeline.audio.mixdown.score import Extent, Music, Part, Score, Sound
from pipeline.errors import UsageError
from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.levelling import music_gain, voice_gains
from pipeline.packs.rules.episode.timeline import Placed, Timeline

_EDGE_SECONDS = 0.01
"""Kept of a take's silence on both sides of its speech, to fade in: what is heard there is heard in the pause."""
_LEAST_FADE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Sounds:
    """What an episode is made of: takes by their line's id, music by its role."""

    takes: Mapping[str, Sound]
    extents: Mapping[str, Extent]
    music: Mapping[str, Sound]
    lengths: Mapping[str, Music]

    @property
    def music_seconds(self) -> dict[str, float]:
        """How long each piece of music is."""
        return {role: music.seconds for role, music in self.lengths.items()}


def rough(episode: Episode) -> Episode:
    """Return the settings of a preview: one channel, no music, no cover, one small file."""
    return replace(episode, channels=1, formats=("mp3",), cover=None, intro=None, outro=None, bed=None, sting=None)


def survey(takes: Mapping[str, Sound], episode: Episode, folder: Path, progress: Progress) -> Sounds:
    """Measure all takes, and the music that `episode` names inside `folder`.

    Raises `AudioRejected` where one cannot be read as sound, and `OSError`.
    """
    music = {role: Sound(folder / one.file) for role, one in episode.music.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        lengths = pool.map(lambda sound: measure_music(sound, episode.channels), music.values())
        extents = pool.map(lambda sound: measure_take(sound, episode.channels), takes.values())
        measured = dict(_told(zip(takes, extents, strict=True), len(takes), progress))
        return Sounds(takes, measured, music, dict(zip(music, lengths, strict=True)))


def build(
    timeline: Timeline,
    sounds: Sounds,
    episode: Episode,
    paths: Mapping[str, Path],
    tags: Tags,
    progress: Progress,
    *,
    limited: bool = True,
) -> Mastered:
    """Mix what was placed and write it to `paths`, by coding (`mp3`, `mp3_vbr`, `wav_24`, ...).

    Without the limiter (a preview) loud lines keep the whole below its target. Raises `UsageError` where nothing can be
    heard, two files would be one or there are too many chapters; `AudioRejected`, `AudioToolFailed`, and `OSError`.
    """
    wanted: dict[str, tuple[Path, Coding]] = {name: (path, coding_of(name)) for name, path in paths.items()}
    _refuse_what_cannot_be_written(timeline, paths)
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    target = Target(episode.target_lufs, episode.ceiling, limited)
    return master(score_of(timeline, sounds, episode), wanted, target, tags, progress)


def score_of(timeline: Timeline, sounds: Sounds, episode: Episode) -> Score:
    """Return the mix that a timeline asks for."""
    gains = voice_gains(timeline.placed, sounds.extents)
    spoken = [_spoken(one, sounds, gains[one.piece.character]) for one in timeline.placed]
    speech = [(one.start, one.end) for one in timeline.placed]
    return Score([*spoken, *_music(timeline, sounds, episode)], timeline.seconds, episode.channels, speech)


def tags_of(episode: Episode, title: str, timeline: Timeline, folder: Path) -> Tags:
    """Return what an episode's files tell of it; its cover lies in `folder`. Raises `AudioRejected`, and `OSError`."""
    return Tags(
        title=title,
        show=episode.show,
        author=episode.author,
        number=episode.number,
        date=episode.date.isoformat() if episode.date else "",
        description=episode.description,
        marks=[Mark(chapter.title, chapter.start, chapter.end) for chapter in timeline.chapters],
        cover=read_cover(folder / episode.cover) if episode.cover else None,
    )


def _refuse_what_cannot_be_written(timeline: Timeline, paths: Mapping[str, Path]) -> None:
    if not timeline.placed:
        raise UsageError("No line of the episode has a take in which anything is heard.", hint="Apply the plan first.")
    for name, most in too_few_for(len(timeline.chapters), paths).items():
        raise UsageError(
            f"The episode has {len(timeline.chapters)} chapters, and {name} holds {most} at most.",
            hint="Make sections of some of them, with a deeper heading, or leave this format out: m4b holds any.",
        )
    if len(set(paths.values())) < len(paths):
        raise UsageError(
            f"Two of {', '.join(paths)} would be one file: {', '.join(path.name for path in paths.values())}.",
            hint="Ask for one format of each kind of file.",
        )


def _spoken(one: Placed, sounds: Sounds, gain_db: float) -> Part:
    extent = sounds.extents[one.piece.line_id]
    before = min(_EDGE_SECONDS, extent.first, one.start)
    after = min(_EDGE_SECONDS, extent.length - extent.last)
    return Part(
        sound=sounds.takes[one.piece.line_id],
        start=one.start - before,
        seconds=extent.seconds + before + after,
        first=extent.first - before,
        gain_db=gain_db,
        fade_in=max(before, _LEAST_FADE_SECONDS),
        fade_out=max(after, _LEAST_FADE_SECONDS),
    )


def _music(timeline: Timeline, sounds: Sounds, episode: Episode) -> Iterator[Part]:
    for laid in timeline.music:
        music = episode.music[laid.role]
        yield Part(
            sound=sounds.music[laid.role],
            start=laid.start,
            seconds=laid.seconds,
            gain_db=music_gain(music, sounds.lengths[laid.role]),
            fade_in=laid.fade_in,
            fade_out=laid.fade_out,
            duck_db=music.duck_db,
        )


def _told(measured: Iterator[tuple[str, Extent]], count: int, progress: Progress) -> Iterator[tuple[str, Extent]]:
    for number, one in enumerate(measured, 1):
        yield one
        progress("survey", number, count)
