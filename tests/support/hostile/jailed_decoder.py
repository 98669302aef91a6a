"""The caged child for recordings: what the product's own child does, file after file.

It judges by shorter lengths than the product unless told `--product-rules`. The controls: `--unprotected` opens
whatever libav takes a file for, as a careless program would; `--unbounded` has no limit on memory; `--fragile` dies of
some files.
"""

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline.audio import ReferenceRules, decode, prepare, probe_speech
from pipeline.audio.bounded import ChildLimits, apply_limits
from pipeline.audio.prepare import _admit
from pipeline.audio.rejection import AudioRejected, Problem
from pipeline.audio.report import peak_rss_bytes, report
from pipeline.audio.sniff import Container

SHORTEST_SECONDS = 0.5
"""Seeds of a second keep a run short; nothing in the decoder knows how long a reference has to be."""
LONGEST_SECONDS = 30.0
_TAKE_BYTES = 1 << 20
RULES = (
    ReferenceRules()
    if "--product-rules" in sys.argv
    else ReferenceRules(min_seconds=SHORTEST_SECONDS, max_seconds=LONGEST_SECONDS)
)


def main() -> None:
    limits = ChildLimits(cpu_seconds=3600, open_files=64)
    if "--unbounded" in sys.argv:
        limits = replace(limits, memory_bytes=8 << 30, data_bytes=8 << 30)
    apply_limits(limits)
    if "--unprotected" in sys.argv:
        unprotect()
    if "--fragile" in sys.argv:
        decode._refuse_video = lambda _container: os.abort()
    for line in sys.stdin:
        started = time.process_time()
        answer = judge(Path(json.loads(line)["path"]))
        sys.stdout.write(json.dumps(answer | {"cpu_seconds": time.process_time() - started}) + "\n")
        sys.stdout.flush()


def unprotect() -> None:
    """Let content and libav decide, without the checks that only newer versions of it make by themselves."""
    decode._OPTIONS.clear()
    decode._OPTIONS.update(safe="0", allowed_extensions="ALL", extension_picky="0", enable_drefs="1")
    decode._FORMATS.update(dict.fromkeys(Container))
    prepare.sniff = lambda _head: Container.MP3
    decode._refuse_codec = lambda _container: None
    decode._refuse_video = lambda _container: None


def judge(path: Path) -> dict[str, Any]:
    """Prepare it as a reference, and look at it as at a take that a provider has sent."""
    forget_peak()
    folder = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="decode-"))
    try:
        with suppress(AudioRejected):
            probe_speech(path.read_bytes()[:_TAKE_BYTES], "mp3")
        outcome, codes, detail = _judged(path, folder)
    except Exception:  # noqa: BLE001 - this is what is looked for
        outcome, codes, detail = "crashed", [], traceback.format_exc()[-600:]
    finally:
        shutil.rmtree(folder)
    return {"outcome": outcome, "codes": codes, "detail": detail, "peak_bytes": peak_rss_bytes()}


def _judged(path: Path, folder: Path) -> tuple[str, list[str], str]:
    try:
        container = _admit(path, RULES)
    except AudioRejected as error:
        return refused(error.problems)
    answer = report(path, container, asdict(RULES), folder)
    if "problems" in answer:
        return refused([Problem(**problem) for problem in answer["problems"]])
    if "failed" in answer:
        return "crashed", [], f"failed on our side: {answer['failed']}"
    json.dumps(answer, allow_nan=False)
    seconds = answer["after"]["seconds"]
    if (
        not RULES.min_seconds <= seconds <= RULES.max_seconds
        or not (folder / f"normalised.{answer['encoding']['container']}").stat().st_size
    ):
        return "crashed", [], f"accepted with {seconds} s"
    return "accepted", [], ""


def refused(problems: "list[Problem] | tuple[Problem, ...]") -> tuple[str, list[str], str]:
    """A refusal says what was measured, what is allowed and what to do, in words that can be shown."""
    for problem in problems:
        for name, text in asdict(problem).items():
            if not text or not text.isprintable() or len(text) > 300:
                return "crashed", [], f"the refusal's {name} is {text!r}"
    return ("refused", [problem.code for problem in problems], "") if problems else ("crashed", [], "no problem")


def forget_peak() -> None:
    """Let the kernel count this process's highest memory from here."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


if __name__ == "__main__":
    main()
