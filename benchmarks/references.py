"""What preparing a reference costs: `python -m benchmarks.references`. Bars for a studio master: 150 MB, 5 s of CPU."""

import sys
import tempfile
import time
from pathlib import Path

from pipeline.audio import prepare_reference
from tests.support.recordings import m4a_bytes, mp3_bytes, speech_like, wav_bytes, write_studio_master

MAX_RSS_BYTES = 150_000_000
MAX_CPU_SECONDS = 5.0


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worst = [_measure(path, folder) for path in _recordings(folder)]
    cpu, rss = max(cpu for cpu, _ in worst), max(rss for _, rss in worst)
    return int(cpu > MAX_CPU_SECONDS or rss > MAX_RSS_BYTES)


def _recordings(folder: Path) -> list[Path]:
    speech = speech_like(30, 44_100)
    (folder / "30 s.mp3").write_bytes(mp3_bytes(speech))
    (folder / "30 s.m4a").write_bytes(m4a_bytes(speech))
    (folder / "30 s.wav").write_bytes(wav_bytes(speech, 44_100))
    write_studio_master(folder / "5 min, 48 kHz, 24 bit, stereo.wav")
    return sorted(folder.iterdir())


def _measure(path: Path, folder: Path) -> tuple[float, int]:
    size, start = path.stat().st_size, time.perf_counter()
    result = prepare_reference(path, folder)
    wall = time.perf_counter() - start
    print(
        f"{path.name:32} {size / 1e6:5.1f} MB  wall {wall:5.2f} s  cpu {result.cpu_seconds:5.2f} s  "
        f"rss {result.peak_rss_bytes / 1e6:4.0f} MB  -> {result.container} {result.sample_rate} Hz "
        f"{result.size_bytes / 1e6:4.1f} MB  {result.after.lufs:.2f} LUFS"
    )
    return result.cpu_seconds, result.peak_rss_bytes


if __name__ == "__main__":
    sys.exit(main())
