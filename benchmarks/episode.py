"""How long does an episode take, how much memory, and how loud does it come out, against two other ways to make it?

    python -m benchmarks.episode                      60 minutes from 600 takes, three ways
    python -m benchmarks.episode --minutes 6 60 600   ours alone at several lengths as well

The takes are the spoken references of examples/cast, cut into lines of 5.5 s: 44.1 kHz, 16 bit, mono. Each way joins
them with pauses to 48 kHz stereo at -16 LUFS and writes an MP3 of 128 kbit/s.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile

from benchmarks.frame.stored import machine_class
from benchmarks.ground.processes import cpu_seconds, load, memory_bytes
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import Sound

REFERENCES = Path(__file__).parents[1] / "examples" / "cast" / "references"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- episode: written by `make bench-episode` -->", "<!-- end of episode -->"
TAKE_SECONDS, PAUSE_SECONDS = 5.5, 0.5
TAKE_HZ = 44_100
TARGET_LUFS = -16.0
WAYS = {"ours": "own_episode", "pydub": "pydub_episode", "ffmpeg": "ffmpeg_episode"}
NAMES = {"ours": "callsheet", "pydub": "pydub, `+` in a loop", "ffmpeg": "ffmpeg concat, ffmpeg-normalize"}
LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Made:
    """What one way has cost, and how loud its file is by ffmpeg's meter."""

    way: str
    minutes: float
    seconds: float
    cpu: float
    peak_mb: float
    file_seconds: float
    lufs: float
    true_peak: float
    load: float


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        takes = cut_takes(Path(folder))
        made = [_make(way, given.compared, takes, Path(folder)) for way in given.ways]
        made += [_make("ours", minutes, takes, Path(folder)) for minutes in given.minutes if minutes != given.compared]
    print(_table(made))
    if given.write:
        _write(_table(made))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.episode", description=__doc__)
    parser.add_argument("--compared", type=float, default=60, help="Minutes of the episode that all ways make.")
    parser.add_argument("--minutes", type=float, nargs="*", default=[], help="Lengths that ours makes as well.")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--write", action="store_true", help="Put the table into docs/performance.md.")
    parser.add_argument("--folder", type=Path, help="Where there is room: 60 minutes need 0.8 GB for ffmpeg's way.")
    return parser.parse_args()


def cut_takes(folder: Path) -> list[Path]:
    """Write the references as lines, in turn from each voice."""
    cut: list[list[Path]] = []
    for reference in sorted(REFERENCES.iterdir()):
        sound = np.concatenate(list(read_sound(Sound(reference), 1)), axis=1)[0]
        lines = len(sound) / 48_000 // TAKE_SECONDS
        cut.append([_write_take(folder / f"{reference.stem}{at}.wav", sound, at) for at in range(int(lines))])
    return [take for turn in zip(*cut, strict=False) for take in turn]


def _write_take(path: Path, sound: np.ndarray, number: int) -> Path:
    length = int(TAKE_SECONDS * 48_000)
    line = sound[number * length : (number + 1) * length]
    at = np.arange(int(TAKE_SECONDS * TAKE_HZ)) * (48_000 / TAKE_HZ)
    soundfile.write(path, np.interp(at, np.arange(length), line), TAKE_HZ, subtype="PCM_16")
    return path


def _make(way: str, minutes: float, takes: Sequence[Path], folder: Path) -> Made:
    count = round(minutes * 60 / (TAKE_SECONDS + PAUSE_SECONDS))
    listed, target = folder / "takes.txt", folder / f"{way}.mp3"
    listed.write_text("\n".join(str(take) for take in islice(cycle(takes), count)))
    busy, started = load(), time.perf_counter()
    arguments = [str(listed), str(target), str(round(PAUSE_SECONDS * 1000)), f"{TARGET_LUFS:g}"]
    command = [sys.executable, "-m", f"benchmarks.rivals.{WAYS[way]}", *arguments]
    cpu, peak = _watched(command)
    seconds = time.perf_counter() - started
    made = Made(way, minutes, seconds, cpu, peak / 1e6, *_heard(target), busy)
    print(asdict(made), flush=True)
    target.unlink()
    return made


def _watched(command: Sequence[str]) -> tuple[float, int]:
    """Run a command to its end and return the CPU seconds and the peak memory of all its processes."""
    environment = {"FFMPEG_PATH": imageio_ffmpeg.get_ffmpeg_exe()}
    child = subprocess.Popen(["/usr/bin/env", *(f"{key}={value}" for key, value in environment.items()), *command])
    cpu, peak = 0.0, 0
    while child.poll() is None:
        cpu, peak = max(cpu, cpu_seconds([child.pid])), max(peak, memory_bytes([child.pid]))
        time.sleep(LOOK_EVERY_SECONDS)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return cpu, peak


def _heard(file: Path) -> tuple[float, float, float]:
    """Return seconds, LUFS and dBTP of a file as ffmpeg's own meter hears them."""
    meter = ["-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(file), *meter]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    hours, minutes, seconds = re.findall(r"Duration: (\d+):(\d+):([\d.]+)", told)[0]
    found = [float(re.findall(rf"{name}:\s+(-?[\d.]+)", told)[-1]) for name in ("I", "Peak")]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds), found[0], found[1]


def _table(made: Sequence[Made]) -> str:
    compared = {one.way: one for one in made[: len(WAYS)]}
    head = ("way", "minutes", "time", "ours takes", "CPU", "peak memory", "LUFS", "off by", "true peak", "load before")
    rows = [head, ["---"] * len(head)]
    for one in made:
        share = compared["ours"].seconds / one.seconds if "ours" in compared and one is compared.get(one.way) else None
        rows.append(
            [
                NAMES[one.way],
                f"{one.minutes:g}",
                f"{one.seconds:.1f} s",
                f"{share:.2f} of it" if share and one.way != "ours" else "",
                f"{one.cpu:.0f} s",
                f"{one.peak_mb:.0f} MB",
                f"{one.lufs:.1f}",
                f"{one.lufs - TARGET_LUFS:+.1f} LU",
                f"{one.true_peak:.1f} dBTP",
                f"{one.load:.1f}",
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _write(table: str) -> None:
    before, found, rest = PAGE.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise SystemExit(f"{PAGE} has no place for the table: it needs {BEGIN!r} and {END!r}")
    told = f"{time.strftime('%Y-%m-%d')}, {machine_class()}"
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{told}\n\n{END}{after}")


if __name__ == "__main__":
    main()
