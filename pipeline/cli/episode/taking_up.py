"""Lines that were spoken before, under another id or with another text between: their takes are there already."""

from pipeline.cli import applying, outcome
from pipeline.cli.client import Client, segment
from pipeline.cli.episode.script import Script
from pipeline.errors import EnvironmentFault, NotFound

SELECTORS = 1_000
"""The most that one plan takes."""


def take_up(client: Client, script: Script) -> None:
    """Let the production know of every line that its takes are spoken for; it costs nothing, and speaks nothing.

    A chapter that is renamed gives its lines other ids, and a sentence that is changed back has its first take again:
    no plan has anything to speak of them, and yet the production knows them by what was applied last.
    """
    stale = _stale(client, script)
    if not stale:
        return
    is_whole = all(line.id in script.spoken for line in script.local.project.lines)
    for start in range(0, 1 if is_whole else len(stale), SELECTORS):
        only = [] if is_whole else [f"line:{line_id}" for line_id in stale[start : start + SELECTORS]]
        _apply(client, script, only)


def _stale(client: Client, script: Script) -> list[str]:
    """Return the spoken lines that the production does not know, or knows by another take."""
    path = f"/productions/{segment(script.local.project.production)}/lines"
    try:
        known = {row["id"]: row["fingerprint"] for row in client.pages(path, "position")}
    except NotFound:
        known = {}
    return [line_id for line_id, fingerprint in script.spoken.items() if known.get(line_id) != fingerprint]


def _apply(client: Client, script: Script, only: list[str]) -> None:
    bounds = {"budget_micros": 0, "only": only}
    drawn = client.post("/plans", {**script.local.plan_body(client), **bounds}, takes_long=True)
    run = outcome.watch(client, applying.start(client, script.local, drawn, bounds))
    if run["state"] != "done":
        raise EnvironmentFault(
            "Lines that are spoken already could not be taken up.", hint=f"`callsheet status {run['id']}` says why."
        )
