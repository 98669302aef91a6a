"""What preparing a reference costs, beside the tools that bring a recording to the same loudness."""

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.frame.figures import Better, Figure, Size, at_most
from benchmarks.rivals.runs import surroundings
from pipeline.audio import PreparedReference, prepare_reference
from tests.support.recordings import write_studio_master

ROUNDS = {Size.QUICK: 3, Size.FULL: 5}
MASTER, LEVELLED = "master.wav", "levelled.mp3"
SHARE_OF_NORMALIZE = 0.5
MOST_MB = 150.0
PYDUB = "benchmarks.rivals.pydub_level"


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, CPU seconds, and the memory of the largest process in bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class References:
    """A studio master: 5 minutes, 48 kHz, 24 bit, stereo, 86 MB."""

    name: str = "references"
    about: str = "preparing a 5 min, 48 kHz, 24 bit, stereo master, against tools that bring it to the same loudness"
    seconds: float = 60.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Prepare it with each in turn."""
        with tempfile.TemporaryDirectory(prefix="cs-bench-") as name:
            folder = Path(name)
            write_studio_master(folder / MASTER)
            wanted, _ = _prepared(folder)
            rivals = _rivals(folder, wanted)
            costs: dict[str, list[Cost]] = {tool: [] for tool in ("ours", *rivals)}
            for _ in range(ROUNDS[size]):
                costs["ours"].append(_prepared(folder)[1])
                for tool, command in rivals.items():
                    costs[tool].append(_run(command))
        return cost_figures(costs)


def cost_figures(costs: Mapping[str, Sequence[Cost]]) -> Sequence[Figure]:
    """Return what preparing has cost with each tool, and ours in relation."""
    ours = costs["ours"]
    peak = max(cost.peak for cost in ours) / 1e6
    wall = {tool: median(cost.wall for cost in runs) for tool, runs in costs.items()}
    cpu = {tool: median(cost.cpu for cost in runs) for tool, runs in costs.items()}
    bars = {"ffmpeg_normalize": at_most(SHARE_OF_NORMALIZE)}
    rivals = [tool for tool in costs if tool != "ours"]
    return (
        *(Figure(f"of_{tool}", wall["ours"] / wall[tool], "x", tool, bars.get(tool), Better.LOWER) for tool in rivals),
        *(Figure(f"cpu_of_{tool}", cpu["ours"] / cpu[tool], "x", tool, better=Better.LOWER) for tool in rivals),
        Figure("peak", peak, "MB", bar=at_most(MOST_MB)),
        *(Figure(f"{tool}_seconds", seconds, "s") for tool, seconds in wall.items()),
        *(Figure(f"{tool}_cpu", seconds, "s") for tool, seconds in cpu.items()),
        *(Figure(f"{tool}_peak", max(cost.peak for cost in costs[tool]) / 1e6, "MB") for tool in rivals),
    )


def _prepared(folder: Path) -> tuple[PreparedReference, Cost]:
    started = time.perf_counter()
    prepared = prepare_reference(folder / MASTER, folder)
    return prepared, Cost(time.perf_counter() - started, prepared.cpu_seconds, prepared.peak_rss_bytes)


def _rivals(folder: Path, wanted: PreparedReference) -> Mapping[str, Sequence[str]]:
    """Return the commands of the tools that are installed, each told the level that ours came out at."""
    if importlib.util.find_spec("imageio_ffmpeg") is None or importlib.util.find_spec("ffmpeg_normalize") is None:
        return {}
    master, levelled = str(folder / MASTER), str(folder / LEVELLED)
    level, rate = f"{wanted.after.lufs:.1f}", str(wanted.sample_rate)
    encoding = ["-c:a", "libmp3lame", "-b:a", "192k", "-ar", rate, "-e", "-ac 1"]
    normalize = [sys.executable, "-m", "ffmpeg_normalize", master, "-o", levelled, "-f", "-t", level, *encoding]
    # Speech of an even level measures the same in dBFS and LUFS within 3 dB; what its gain is costs no time.
    return {"ffmpeg_normalize": normalize, "pydub": [sys.executable, "-m", PYDUB, master, levelled, level, rate]}


def _run(command: Sequence[str]) -> Cost:
    """Run a tool to its end; the kernel tells what it and its children have used."""
    import imageio_ffmpeg  # noqa: PLC0415 - is not installed for the tests

    environment = {**surroundings(), "FFMPEG_PATH": imageio_ffmpeg.get_ffmpeg_exe()}
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], [*command], environment, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command[:4])} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
