"""A pack from real rows and a real store, through the API, to a folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cli.pack import Puller
from pipeline.packs.rules import Asked, Layout
from tests.integration.api.callers import Caller, sha256
from tests.support.stage import Stage


@dataclass
class Link:
    """What the commands ask of the API, without a socket between."""

    caller: Caller

    def pages(self, path: str, cursor: str) -> Iterator[dict[str, Any]]:
        after = -1
        while page := self.caller.get(f"/v1{path}", after=after, limit=2).json()["data"]:
            yield from page
            after = page[-1][cursor]

    def download(self, url: str) -> bytes:
        return self.caller.stage.store.fetch(url)[0]


def pull(studio: Caller, folder: Path, layout: Layout) -> dict[str, Any]:
    return Puller(Link(studio), folder, Asked(layout)).pull("game")  # type: ignore[arg-type] # all it asks of the API


def test_what_was_spoken_becomes_a_pack_for_an_engine(studio: Caller, stage: Stage, tmp_path: Path) -> None:
    studio.started()
    assert pull(studio, tmp_path, Layout.YARN)["missing"] == ["open_1", "open_2", "open_3"]
    stage.work()
    told = pull(studio, tmp_path, Layout.YARN)
    assert (told["fetched"], told["kept"], told["missing"]) == (3, 0, [])
    assert pull(studio, tmp_path, Layout.YARN)["fetched"] == 0

    entries = json.loads((tmp_path / "manifest.json").read_text())["lines"]
    assert [entry["file"] for entry in entries] == ["en/open_1.wav", "en/open_2.wav", "en/open_3.wav"]
    spoken = {line["id"]: line for line in studio.get("/v1/productions/game/pack").json()["data"]}
    for entry in entries:
        assert sha256((tmp_path / entry["file"]).read_bytes()) == entry["sha256"]
        assert entry["source_sha256"] == spoken[entry["id"]]["sha256"]
        assert (entry["language"], entry["production"]) == ("en", "game")
        assert entry["cost_micros"] == spoken[entry["id"]]["cost_micros"] > 0
        # 0.1 s of sound have no loudness: mean power stands for it, unless peaks forbid.
        assert (entry["lufs_after"], entry["level_rule"]) == (None, "rms")
        assert abs(entry["rms_after_dbfs"] + 23) < 0.5
        assert entry["true_peak_dbtp"] <= -1
