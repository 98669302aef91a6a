"""A paid call whose answer is lost, from the command line: what evidence settles, and what a person decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.recordings import mp3_bytes, speech_like
from tests.support.stack import RunningStack, one_voice, running_stack, sheet, write_project

CLONE = 2_100_000
LATENESS_SECONDS = "2"
LINES = 4


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack whose provider's word is soon final."""
    with running_stack(CALLSHEET_SANDBOX_ENGINE="tone", CALLSHEET_SANDBOX_LATENESS_SECONDS=LATENESS_SECONDS) as running:
        yield running


def project(folder: Path, production: str, seed: int) -> Path:
    """Write a production whose hero's voice nobody has cloned yet."""
    rows = [(f"{production}_{n}", "HERO" if n else "HERALD", f"Line {n} of {production}.") for n in range(LINES)]
    recording = mp3_bytes(speech_like(12, 44_100, seed=seed))
    return write_project(folder, one_voice(production), sheet(*rows), {"references/mara.mp3": recording})


def break_clone(stack: RunningStack, point: str) -> None:
    stack.sandbox("faults", {"faults": [{"point": point, "route": "voice-clone", "count": 1}]})


def clones(stack: RunningStack) -> int:
    """Return how many clones the provider has charged."""
    return sum(call["operation"] == "voice-clone" for call in stack.sandbox("ledger")["charges"])


def kinds(stack: RunningStack) -> dict[str, int]:
    """Return what we have booked, by kind."""
    booked: dict[str, int] = {}
    for row in stack.ask("ledger")["transfers"]:
        booked[row["kind"]] = booked.get(row["kind"], 0) + row["amount_micros"]
    return booked


def waiting(stack: RunningStack, code: int) -> Any:
    listed = stack.run("reconcile", "--json")
    assert listed.code == code, listed.err
    return listed.json


def test_a_clone_that_was_charged_and_is_lost_is_decided_by_a_person_and_never_sent_again(
    own: RunningStack, tmp_path: Path
) -> None:
    before, booked = clones(own), kinds(own)
    cast = project(tmp_path, "lost", seed=3)
    break_clone(own, "reset_after_charge")

    ended = own.run("apply", cast, "--yes", "--json")
    assert ended.code == 5, ended.err
    assert "callsheet reconcile" in ended.err
    assert (ended.json["unclear_attempts"], ended.json["held_micros"]) == (1, CLONE)
    assert {failure["cause"] for failure in ended.json["failures"]} == {"needs_reconcile"}
    assert ended.json["elapsed_seconds"] < 30

    again = own.run("apply", cast, "--yes", "--json")
    assert (again.code, clones(own)) == (5, before + 1), "nothing is sent again without proof"
    assert "callsheet reconcile" in own.run("status").err

    (item,) = waiting(own, 5)["operator"]
    assert (item["verdict"], item["held_micros"], item["production"]) == ("charged_voice_lost", CLONE, "lost")
    assert "a drop of $2.10" in item["told"]

    reason = ("--reason", "The provider's support finds no such voice.")
    assert own.run("reconcile", item["id"], "--write-off", *reason).code == 2, "nobody is here to agree"
    decided = own.run("reconcile", item["id"], "--write-off", *reason, "--by", "ines", "--yes")
    assert decided.code == 0, decided.err
    assert "booked as a loss" in decided.err
    assert waiting(own, 0)["waiting"] == 0
    (kept,) = [row for row in own.ask("reconcile", "--decisions")["decisions"] if row["subject"] == item["id"]]
    assert (kept["action"], kept["by"].split()[-1], kept["reason"]) == ("write_off", "ines", reason[1])

    totals = own.ask("plan", cast)["totals"]
    assert totals["voices_to_make"] == 1
    assert totals["voices_micros"] > CLONE
    done = own.ask("apply", cast, "--yes")
    assert (done["state"], done["takes"]["done"]) == ("done", done["takes"]["total"])
    assert clones(own) == before + 2
    ours = kinds(own)
    assert (ours["loss"] - booked.get("loss", 0), ours["clone"] - booked.get("clone", 0)) == (CLONE, CLONE)
    assert sum(ours.values()) == own.charged()


def test_a_clone_that_provably_was_not_made_is_made_by_itself_and_paid_once(own: RunningStack, tmp_path: Path) -> None:
    before, booked = clones(own), kinds(own)
    cast = project(tmp_path, "undone", seed=4)
    break_clone(own, "reset_before")

    done = own.ask("apply", cast, "--yes")
    assert (done["state"], done["takes"]["done"]) == ("done", done["takes"]["total"])
    assert done["elapsed_seconds"] >= float(LATENESS_SECONDS), "absence counts only once nothing can show up any more"
    assert (done["unclear_attempts"], done["held_micros"]) == (0, 0)
    assert clones(own) == before + 1
    ours = kinds(own)
    assert (ours["clone"] - booked.get("clone", 0), ours.get("loss", 0)) == (CLONE, booked.get("loss", 0))
    assert sum(ours.values()) == own.charged()
    assert waiting(own, 0)["waiting"] == 0
