"""episode, preview: from a script to what listeners and players get."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial as partial_of
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.audio.mixdown.coding import one_file
from pipeline.cli import applying, outcome
from pipeline.cli.client import Client
from pipeline.cli.console import data, say, show_json, talk
from pipeline.cli.context import context
from pipeline.cli.counting import counted
from pipeline.cli.episode import views
from pipeline.cli.episode.building import build_episode, build_preview
from pipeline.cli.episode.music import bring_shared, require_usable
from pipeline.cli.episode.pieces import chapter_named
from pipeline.cli.episode.progress import BuildProgress
from pipeline.cli.episode.script import Script
from pipeline.cli.episode.taking_up import take_up
from pipeline.cli.options import PANEL, AsJson, Mode, ProjectPath, Yes
from pipeline.cli.signing import Sign, signer
from pipeline.cli.submission import LocalProject
from pipeline.errors import ExitCode, PartialError, UsageError
from pipeline.intake.rules.episode import Episode
from pipeline.intake.rules.script import slug
from pipeline.ledger.money import BudgetMode

Json = dict[str, Any]
UNDER_WAY = "under way"
"""Reason on a plan of lines that another run is making."""
Out = Annotated[Path | None, typer.Option(help="Folder for the files; without it, a folder named as the production.")]
Language = Annotated[str | None, typer.Option("--lang", help="Which of the script's languages; without it, its own.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (episode, preview):
        app.command(rich_help_panel=PANEL)(command)


def episode(  # noqa: PLR0913 - an option each
    project: ProjectPath,
    *,
    out: Out = None,
    form: Annotated[
        list[str] | None,
        typer.Option("--format", help="mp3, mp3_vbr, m4b, m4a, opus, flac, flac_24, wav or wav_24; repeatable."),
    ] = None,
    language: Language = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Build of what is spoken already; speak nothing, pay nothing.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(help="Most that speaking may cost, in dollars; without it, the project's budget.")
    ] = None,
    budget_mode: Mode = BudgetMode.HARD,
    sign: Sign = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Speak what is new in a script, then write the whole episode: sound, chapters, captions, transcript, feed entry.

    What was spoken before is neither spoken nor paid again. Exit code 3 where lines are missing in it.
    """
    local = LocalProject.read(project)
    for note in local.project.notes:
        say(f"[yellow]note[/]  {escape(note)}")
    formats = _formats(form or (local.project.episode or Episode()).formats)
    signing = signer() if sign else None
    client, folder = context.client(), out or Path(local.project.production)
    shared = bring_shared(client, local, folder)
    if not partial:
        usable = partial_of(require_usable, local, shared, formats)
        _speak(client, local, usable, outcome.cap(budget), budget_mode, yes=yes)
    script = Script.of(client, local, language, shared)
    take_up(client, script)
    _require_spoken(script, partial=partial)
    with _building() as progress:
        told = build_episode(client, script, folder, formats, progress, signing)
    _show(told, as_json=as_json)


def preview(
    project: ProjectPath,
    chapter: Annotated[str, typer.Argument(help="Number of a chapter, or a part of its title.")],
    *,
    out: Out = None,
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """Write a rough mix of one chapter of what is spoken already: no music, no mastering, in seconds."""
    local = LocalProject.read(project)
    client = context.client()
    script = Script.of(client, local, language)
    take_up(client, script)
    number = chapter_named(script.pieces, chapter)
    title = next(piece.chapter_title for piece in script.pieces if piece.chapter == number)
    folder = out or Path(local.project.production)
    name = f"{'-'.join(part for part in (script.name, 'preview', str(number), slug(title)) if part)}.mp3"
    with _building() as progress:
        told = build_preview(client, script, number, folder, name, progress)
    _show(told, as_json=as_json)


def _formats(names: Sequence[str]) -> list[str]:
    """Return the formats without repeats; raises `UsageError` for an unknown one, and for two of one file name."""
    for one, other in one_file(names):
        raise UsageError(f"{one} and {other} would be one file.", hint="Name one of them.")
    return list(dict.fromkeys(names))


def _speak(
    client: Client, local: LocalProject, require: Callable[[], None], cap: int | None, mode: BudgetMode, *, yes: bool
) -> None:
    """Have spoken what is missing, unless `require` raises; leaves with the code of a run that did not bring all."""
    bounds: Json = {"budget_micros": cap, "only": []}
    body = {**local.plan_body(client), **bounds}
    drawn = applying.draw(client, body)
    if drawn["by_reason"].get(UNDER_WAY):
        _await_runs(client, local.project.production)
        drawn = applying.draw(client, body)
    if not drawn["totals"]["lines_to_speak"] and not drawn["totals"]["voices_to_make"]:
        return
    require()
    applying.agree(drawn, mode, yes=yes)
    run = outcome.watch(client, applying.start(client, local, drawn, {**bounds, "budget_mode": mode}))
    if run["state"] != "done":
        code = outcome.report(run)
        say("[bold]Next[/]  callsheet episode --partial   builds of what is spoken so far.")
        raise typer.Exit(code or ExitCode.PARTIAL)


def _await_runs(client: Client, production: str) -> None:
    """Watch the runs of a production that are under way: one that nobody watches any more goes on."""
    say("Some of it is being spoken by a run that was started before; it is waited for.")
    for run in client.get("/runs")["data"]:
        if run["production"] == production and run["state"] == "running":
            outcome.watch(client, run)


@contextmanager
def _building() -> Iterator[BuildProgress]:
    """Show how far building is; leaves where a person stops it."""
    try:
        with BuildProgress() as progress:
            yield progress
    except KeyboardInterrupt:
        say("\nStopped. What is spoken is kept, and paid; the same command goes on from there.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _require_spoken(script: Script, *, partial: bool) -> None:
    missing = script.missing()
    talk.print(views.chapters_view(script))
    if missing and not partial:
        raise PartialError(
            f"{len(missing)} of {counted(len(script.pieces), 'line')} cannot be heard yet; nothing was built.",
            hint="callsheet status says why; --partial builds without them.",
            problems=[{"place": piece.line_id, "message": f"{piece.speaker}: {piece.text}"} for piece in missing],
        )


def _show(told: Json, *, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        data.print(escape(told["folder"]), soft_wrap=True)
        data.print(views.built_view(told))
    for note in told["notes"]:
        say(f"[yellow]note[/]  {escape(note)}")
    if told["missing"]:
        raise typer.Exit(ExitCode.PARTIAL)
