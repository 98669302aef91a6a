"""The child's answer: the normalised file's description, or the problems, as plain JSON values."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np

from pipeline.audio.decode import too_costly
from pipeline.audio.encode import resample
from pipeline.audio.normalise import Mono, normalise
from pipeline.audio.rejection import AudioRejected, AudioToolFailed
from pipeline.audio.rules import Part, ReferenceRules
from pipeline.audio.second_voice import Passage, second_voice, suspicion
from pipeline.audio.sniff import Container
from pipeline.audio.speaker import RATE, speaker_encoder

_SPOOL = "speech.f32"
"""The sound as the speaker encoder wants it: a file, so that memory does not grow with the recording."""
MEMORY_STATUS = Path("/proc/self/status")
"""Where Linux tells a process how much memory it holds."""


def report(
    source: Path, container: str, rules: dict[str, Any], workdir: Path, part: list[float] | None = None
) -> dict[str, Any]:
    """Normalise `source`, or a part, into `workdir` and describe it; a rejection and a failure are answers too."""
    meant = Part(*part) if part else None
    try:
        facts, before, mono, result = normalise(source, Container(container), ReferenceRules(**rules), workdir, meant)
        warnings = suspicion(_heard_beside(mono, meant.start if meant else 0.0, workdir))
    except AudioRejected as error:
        return {"problems": [asdict(problem) for problem in error.problems]}
    except AudioToolFailed as error:
        return {"failed": error.message, "hint": error.hint}
    except MemoryError:
        return {"problems": [asdict(problem) for problem in too_costly().problems]}
    return {
        "source": asdict(facts),
        "before": asdict(before),
        "after": asdict(result.levels),
        "encoding": asdict(result.encoding),
        "size_bytes": result.size_bytes,
        "gain_db": result.gain_db,
        "warnings": [asdict(warning) for warning in warnings],
        "trimmed_start_seconds": mono.start / mono.rate,
        "trimmed_end_seconds": (mono.samples - mono.end) / mono.rate,
        "cpu_seconds": time.process_time(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _heard_beside(mono: Mono, begin: float, workdir: Path) -> list[Passage]:
    """Return where a second speaker seems to be; `begin` is where the sound begins in the recording, in seconds."""
    spool = workdir / _SPOOL
    with spool.open("wb") as file:
        for block in resample(mono.blocks(1.0), mono.rate, RATE):
            block.tofile(file)
    offset = begin + mono.start / mono.rate
    found = second_voice(speaker_encoder(), np.memmap(spool, dtype=np.float32, mode="r"))
    return [Passage(offset + passage.start, offset + passage.end) for passage in found]


def peak_rss_bytes() -> int:
    """Return the most memory this process has held.

    Linux hands the parent's peak down to a child in `getrusage`; its own is in /proc.
    """
    if MEMORY_STATUS.exists():
        peak = next(line for line in MEMORY_STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return getrusage(RUSAGE_SELF).ru_maxrss * unit
