"""A folder of talents of which some recordings cannot be cloned: all of these are named before anything is paid."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.promises.report import Report
from tests.support.recordings import mp3_bytes, silence, speech_like, tagged, wav_bytes
from tests.support.stack import RunningStack, sheet, write_project

TALENTS = 40
PARTIAL, USAGE = 3, 2
RATE = 44_100
CLONE_MICROS = 2_100_000


def keep(stack: RunningStack, folder: Path, report: Report) -> None:
    """Check the folder, then clone what can be cloned."""
    bad = _bad_recordings()
    sound = mp3_bytes(speech_like(12, RATE, seed=5))
    recordings = {f"references/t{number:02}.mp3": tagged(sound, f"t{number}") for number in range(TALENTS - len(bad))}
    recordings |= {f"references/{name}": content for name, content in bad.items()}
    project = _write(folder, recordings)
    checked = stack.run("check", project, "--recordings", "--json")
    report.check("cast: exit code of the check", checked.code, USAGE)
    refused = sorted(Path(one["file"]).name for one in checked.json["recordings"] if one["problems"])
    report.check("cast: bad recordings named before any charge", refused, sorted(bad))
    told = [problem for one in checked.json["recordings"] for problem in one["problems"]]
    report.check("cast: problems that say what to do", [one for one in told if not one["hint"]], [])
    report.check("cast: charged by checking", stack.charged(), 0)
    report.check("cast: exit code of apply", stack.run("apply", project, "--yes").code, PARTIAL)
    clones = [charge for charge in stack.sandbox("ledger")["charges"] if charge["amount"] == CLONE_MICROS]
    report.check("cast: the others are cloned, once each", len(clones), TALENTS - len(bad))
    report.check("cast: our books and the provider's", stack.spent(), stack.charged())


def _bad_recordings() -> Mapping[str, bytes]:
    long = np.tile(speech_like(12, RATE, seed=7), 31)
    gaps = np.concatenate([np.concatenate([speech_like(1.5, RATE, seed=n), silence(3.5, RATE)]) for n in range(5)])
    return {
        "short.mp3": mp3_bytes(speech_like(8, RATE)),
        "long.mp3": mp3_bytes(long),
        "clipped.wav": wav_bytes(np.clip(speech_like(12, RATE) * 30, -1, 1), RATE),
        "silent.mp3": mp3_bytes(gaps),
        "text.mp3": b"This is no recording at all. " * 400,
        "cut.wav": wav_bytes(speech_like(20, RATE), RATE)[:40_000],
    }


def _write(folder: Path, recordings: Mapping[str, bytes]) -> Path:
    names = {f"T{number}": path for number, path in enumerate(recordings)}
    talents = "".join(
        f"  {key.lower()}:\n    name: {key}\n    reference: {path}\n"
        "    consent: {synthetic: true, statement: A made-up voice.}\n"
        for key, path in names.items()
    )
    characters = "".join(f"  {key}: {{voice: {{talent: {key.lower()}}}}}\n" for key in names)
    cast = f"production: cast\nlines: lines.csv\ntalents:\n{talents}characters:\n{characters}"
    rows = [(f"{key}_1", key, f"This is what {key} says.") for key in names]
    return write_project(folder, cast, sheet(*rows), recordings)
