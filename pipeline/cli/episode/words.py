"""When the words of takes are heard; what was found is kept beside the take."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.cli.disk import write_whole
from pipeline.cli.episode.takes import StoredTake
from pipeline.intake.rules import Line, Project, spoken_text
from pipeline.packs.rules.episode.words import WordTimes
from pipeline.quality.ears import Ears, Judging
from pipeline.quality.word_times import Respelled, WordTime, word_times

Words = tuple[WordTime, ...] | None
KEY_CHARS = 16
_WORDS = TypeAdapter(tuple[WordTime, ...])


def listen(
    project: Project, lines: Sequence[Line], takes: Mapping[str, StoredTake], told: Callable[[int, int], None]
) -> WordTimes:
    """Return when the words of each line are heard in its take; `told` gets how many of how many are done.

    Nothing for lines whose words were not found: no aligner is installed, or it does not know their language.
    """
    spoken = [_asked(project, line, takes[line.id]) for line in lines if line.id in takes]
    # Lines that are alike share a take, and two of them at once would write one file.
    distinct = {one.path: one for one in spoken}
    times: dict[Path, Words] = {}
    with Ears() as ears, ThreadPoolExecutor(os.cpu_count()) as threads:
        for path, words in zip(distinct, threads.map(partial(_times, ears), distinct.values()), strict=True):
            times[path] = words
            told(len(times), len(distinct))
    return {one.line_id: times[one.path] for one in spoken}


@dataclass(frozen=True)
class _Asked:
    """A take, what is said in it, and the path that keeps when each word of it is heard."""

    line_id: str
    take: StoredTake
    text: str
    respelled: Sequence[Respelled]
    path: Path


def _asked(project: Project, line: Line, take: StoredTake) -> _Asked:
    read = line._replace(text=project.read(line))
    text = spoken_text(read.text)
    sayings = project.sayings(read, reads_numbers=project.normalise)
    respelled = [Respelled(one.start, one.end, one.say) for one in sayings]
    return _Asked(line.id, take, text, respelled, take.path.with_suffix(f".{_key(text, respelled)}.json"))


def _times(ears: Judging, asked: _Asked) -> Words:
    known = kept_words(asked.path)
    if known is not None:
        return known
    take = asked.take
    words = word_times(
        ears,
        take.path.read_bytes(),
        take.row["format"],
        asked.text,
        asked.respelled,
        language=take.row["language"],
        speed=take.row["speed"] or 1.0,
    )
    if words is not None:
        _keep(asked.path, words)
    return words


def kept_words(path: Path) -> Words:
    """Return what was kept of a take; nothing where that is nothing, or damaged."""
    try:
        words = _WORDS.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    in_order = all(0 <= word.start <= word.end < math.inf for word in words)
    return words if in_order else None


def _keep(path: Path, words: Sequence[WordTime]) -> None:
    write_whole(path, json.dumps([asdict(word) for word in words]).encode())


def _key(text: str, respelled: Sequence[Respelled]) -> str:
    told = json.dumps([text, [asdict(one) for one in respelled]])
    return hashlib.sha256(told.encode()).hexdigest()[:KEY_CHARS]
