"""The product's way from a file to a verdict, with its child's peak of memory told."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.audio import AudioRejected, ChildLimits, PreparedReference, bounded, prepare, prepare_reference

MEASURED = "tests.support.hostile.measured_child"


@dataclass
class End:
    """What became of a recording; `peak_bytes` is 0 where no child was needed to refuse it."""

    codes: tuple[str, ...]
    seconds: float
    peak_bytes: int
    prepared: PreparedReference | None


@pytest.fixture
def whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., End]:
    """Take a file through `prepare_reference` and a child of its own; `options` are those of `measured_child`."""
    work = tmp_path / "work"
    work.mkdir()

    def take(recording: Path, *options: str, limits: ChildLimits | None = None) -> End:
        peaks: list[int] = []

        def run(_module: str, arguments: Sequence[str], scratch: Path, within: ChildLimits) -> bytes:
            answer = json.loads(bounded.run_bounded(MEASURED, [*arguments, *options], scratch, within))
            peaks.append(answer.pop("measured_peak"))
            return json.dumps(answer).encode()

        monkeypatch.setattr(prepare, "run_bounded", run)
        started, prepared, codes = time.perf_counter(), None, ("accepted",)
        try:
            prepared = prepare_reference(recording, work, limits=limits)
        except AudioRejected as error:
            codes = tuple(problem.code for problem in error.problems)
        seconds = time.perf_counter() - started
        assert [path.name for path in work.iterdir()] == ([prepared.path.name] if prepared else [])
        return End(codes, seconds, max(peaks, default=0), prepared)

    return take
