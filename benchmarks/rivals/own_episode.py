"""`python -m benchmarks.rivals.own_episode LIST OUT PAUSE_MS LUFS`: what `callsheet episode` does with sound."""

import sys
from pathlib import Path

from pipeline.audio.mixdown.score import Sound
from pipeline.intake.rules.episode import Episode, Pauses
from pipeline.packs.rules.episode.placing import place
from pipeline.packs.rules.episode.timeline import Piece
from pipeline.packs.service.mastering import build, survey, tags_of


def main() -> None:
    """Join takes and bring them to a loudness."""
    takes, target, pause, level = sys.argv[1:]
    paths = [Path(take) for take in Path(takes).read_text().split()]
    episode = Episode(loudness=float(level), pauses=Pauses(speaker=int(pause) / 1000))
    pieces = [Piece(str(number), path.stem[:1], "", "", paragraph=number) for number, path in enumerate(paths)]
    sounds = survey({str(number): Sound(path) for number, path in enumerate(paths)}, episode, Path(), _silent)
    timeline = place(pieces, sounds.extents, episode, {})
    tags = tags_of(episode, "Benchmark", timeline, Path())
    build(timeline, sounds, episode, {"mp3": Path(target)}, tags, _silent)


def _silent(_what: str, _done: float, _whole: float) -> None:
    pass


if __name__ == "__main__":
    main()
