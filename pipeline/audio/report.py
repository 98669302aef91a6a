"""The child's answer: the normalised file's description, or the problems, as plain JSON values."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from pipeline.audio.decode import too_costly
from pipeline.audio.normalise import normalise
from pipeline.audio.rejection import AudioRejected, AudioToolFailed
from pipeline.audio.rules import ReferenceRules
from pipeline.audio.sniff import Container

MEMORY_STATUS = Path("/proc/self/status")
"""Where Linux tells a process how much memory it holds."""


def report(source: Path, container: str, rules: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """Normalise `source` into `workdir` and describe it; a rejection and a failure are answers too."""
    try:
        facts, before, mono, result = normalise(source, Container(container), ReferenceRules(**rules), workdir)
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
        "trimmed_start_seconds": mono.start / mono.rate,
        "trimmed_end_seconds": (mono.samples - mono.end) / mono.rate,
        "cpu_seconds": time.process_time(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def peak_rss_bytes() -> int:
    """Return the most memory this process has held.

    Linux hands the parent's peak down to a child in `getrusage`; its own is in /proc.
    """
    if MEMORY_STATUS.exists():
        peak = next(line for line in MEMORY_STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return getrusage(RUSAGE_SELF).ru_maxrss * unit
