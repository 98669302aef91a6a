"""The caged child for what is read beside a script: Callsheet's own files, music and covers.

Started with `--careless` it believes them: the control.
"""

import base64
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from pipeline.audio import AudioRejected
from pipeline.audio.bounded import ChildLimits, apply_limits
from pipeline.audio.mixdown.coding import Tags, coding_of
from pipeline.audio.mixdown.measuring import measure_music
from pipeline.audio.mixdown.picture import read_cover
from pipeline.audio.mixdown.score import Sound
from pipeline.audio.mixdown.writing import episode_file
from pipeline.audio.report import peak_rss_bytes
from pipeline.cli import hearing
from pipeline.cli.episode.record import standing
from pipeline.cli.episode.words import kept_words
from pipeline.cli.hearing import Heard, Report
from pipeline.cli.pack.keeping import manifest_entries
from pipeline.cli.pack.worklist import Worklist
from pipeline.cli.saved_plan import SavedPlan
from pipeline.errors import Conflict, UsageError
from pipeline.quality import Voices
from tests.support.hostile.jailed_decoder import forget_peak, refused
from tests.support.hostile.kept import COVER, MANIFEST, MUSIC, PLAN, RECORD, REPORT, WORDS

_MEMORY_BYTES = 1 << 30
_SECONDS_OF_COVER = 0.2
Answer = tuple[str, list[str], str]


def main() -> None:
    apply_limits(ChildLimits(cpu_seconds=3600, data_bytes=_MEMORY_BYTES, open_files=64))
    for line in sys.stdin:
        started = time.process_time()
        ((name, data),) = json.loads(line).items()
        path = Path.cwd() / name
        path.write_bytes(base64.b64decode(data))
        forget_peak()
        outcome, codes, detail = _judged(path)
        path.unlink()
        answer = {"outcome": outcome, "codes": codes, "detail": detail, "peak_bytes": peak_rss_bytes()}
        answer["cpu_seconds"] = time.process_time() - started
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _judged(path: Path) -> Answer:
    try:
        if "--careless" in sys.argv:
            return ("accepted" if json.loads(path.read_bytes()) else "refused"), [], ""
        return _READERS[path.name](path)
    except AudioRejected as error:
        return refused(error.problems)
    except (UsageError, Conflict) as error:
        said = f"{error.message} {error.hint}"
        said.encode()
        return ("refused", [error.code], "") if path.name in said else ("crashed", [], f"names no file: {said:.200}")
    except Exception:  # noqa: BLE001 - this is what is looked for
        return "crashed", [], traceback.format_exc()[-600:]


def _read_plan(path: Path) -> Answer:
    """A plan that is read is compared, and what has changed is told."""
    plan = SavedPlan.read(path)
    drawn = {"production": plan.project, "digest": "other", "totals": {"total_micros": 1}}
    try:
        plan.require(drawn, [{"line_id": "a", "character": "MARA", "reason": "text", "price": 1}])
    except Conflict as error:
        error.message.encode(errors="strict" if plan.project.isascii() else "replace")
    return "accepted", [], ""


def _read_report(path: Path) -> Answer:
    line = {"id": "a_1", "character": "MARA", "take": "take_1", "number": 1, "sha256": "0" * 64, "voice": "voice_1"}
    verdict = Report.open(path).find(line)
    if verdict is None:
        return "accepted", ["unknown"], ""
    heard = Heard(line, verdict)
    Voices().learn("voice_1", verdict)
    hearing.view([heard])
    json.dumps(heard.as_dict())
    assert sum(hearing.counts([heard]).values()) == 1
    return "accepted", [], ""


def _read_record(path: Path) -> Answer:
    return ("accepted" if standing(path, "m") else "refused"), [], ""


def _read_manifest(path: Path) -> Answer:
    with Worklist() as work:
        work.remember(manifest_entries(path.parent))
        known = [entry for entry, _ in work.left_over([])]
    for entry in known:
        beside = (path.parent / entry["file"]).resolve()
        assert beside.is_relative_to(path.parent.resolve()), entry["file"]
        beside.is_file()
    return ("accepted" if known else "refused"), [], ""


def _read_words(path: Path) -> Answer:
    words = kept_words(path)
    for word in words or ():
        assert 0 <= word.start <= word.end < math.inf, word
    return ("refused" if words is None else "accepted"), [], ""


def _read_music(path: Path) -> Answer:
    music = measure_music(Sound(path), 2)
    if not (0 <= music.seconds < math.inf and (music.lufs is None or math.isfinite(music.lufs))):
        return "crashed", [], f"measured as {music}"
    return "accepted", [], ""


def _read_cover(path: Path) -> Answer:
    """A cover that is taken is in files that can be opened."""
    tags = Tags(title="Ice", cover=read_cover(path))
    for name in ("mp3", "m4b", "opus", "flac"):
        made = path.with_name(f"made.{coding_of(name).suffix}")
        try:
            with episode_file(made, coding_of(name), 1, tags) as file:
                file.write(np.zeros((1, round(_SECONDS_OF_COVER * 48_000)), np.float32))
            with av.open(BytesIO(made.read_bytes())) as opened:
                assert sum(1 for _ in opened.decode(audio=0))
        finally:
            made.unlink(missing_ok=True)
    return "accepted", [], ""


_READERS: Mapping[str, Callable[[Path], Answer]] = {
    PLAN: _read_plan,
    REPORT: _read_report,
    RECORD: _read_record,
    MANIFEST: _read_manifest,
    WORDS: _read_words,
    MUSIC: _read_music,
    COVER: _read_cover,
}


if __name__ == "__main__":
    main()
