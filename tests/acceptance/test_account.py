"""An account that the provider refuses ends the command, not the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.recordings import tagged
from tests.support.stack import CAST, RunningStack, one_voice, sheet, write_project

MARA = CAST / "references" / "mara.mp3"


@contextmanager
def without_money(stack: RunningStack) -> Iterator[None]:
    stack.sandbox("faults", {"faults": [{"point": "402", "route": "speech"}]})
    try:
        yield
    finally:
        stack.sandbox("faults", {"faults": []})


def test_without_money_apply_ends_with_4_and_the_run_goes_on_once_there_is_some(
    stack: RunningStack, tmp_path: Path
) -> None:
    rows = sheet(*((f"b{number}", "HERALD", f"Broke, number {number}.") for number in range(30)))
    # A recording of its own: on this stack the cast's voices are for others to make.
    recording = tmp_path / "broke.mp3"
    recording.write_bytes(tagged(MARA.read_bytes(), "broke"))
    project = write_project(tmp_path, one_voice("broke"), rows, {"references/mara.mp3": recording})
    with without_money(stack):
        ended = stack.run("apply", project, "--yes", "--json")
        assert ended.code == 4, ended.err
        assert ended.json["state"] == "running"
        assert ended.json["paused"]["code"] == "provider_funds"
        assert ended.json["takes"]["failed"] == ended.json["takes"]["blocked"] == 0
        assert "402" in ended.err
        assert "it goes on by itself" in ended.err
        # The balance is ample, so that now and then a call is let through, and refused again.
        assert any("paused" in stack.run("status", ended.json["id"]).out for _ in range(20))
    done = stack.wait(ended.json["id"], lambda status: status["state"] != "running")
    assert (done["state"], done["takes"]["done"]) == ("done", done["takes"]["total"])
    again = stack.run("apply", project, "--yes", "--json")
    assert again.code == 0, again.err
    assert again.json["spent_micros"] == 0
