"""init, check, plan, apply: from a folder to a run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import applying, listening, outcome, plan_notes, render, saved_plan
from pipeline.cli.console import data, say, show_json, stream_json, talk
from pipeline.cli.context import context
from pipeline.cli.counting import counted
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.episode.music import require_usable
from pipeline.cli.listening import Judged
from pipeline.cli.options import PANEL, AsJson, Detach, Fresh, Haste, Mode, Only, ProjectPath, Yes
from pipeline.cli.recordings import from_recordings
from pipeline.cli.saved_plan import SavedPlan
from pipeline.cli.spoken import spoken_otherwise
from pipeline.cli.spoken import view as spoken_view
from pipeline.cli.submission import LocalProject
from pipeline.errors import ExitCode, UsageError
from pipeline.intake.rules import ClonedFrom, Project, episode_scaffold, missing_consent, scaffold
from pipeline.intake.rules.stray_marks import stray_marks
from pipeline.ledger.money import BudgetMode
from pipeline.speech.rules import Priority

Json = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (init, check, plan, apply):
        app.command(rich_help_panel=PANEL)(command)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    from_folder: Annotated[
        Path | None,
        typer.Option("--from-recordings", help="Cast one character for each recording in this folder."),
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(help="Who allows all of these recordings to be cloned; written into the project file."),
    ] = None,
    *,
    episode: Annotated[
        bool, typer.Option("--episode", help="Write an episode: one Markdown script that is the project file, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a small project to start from."""
    name = folder.resolve().name
    if from_folder and episode:
        raise UsageError("--from-recordings writes a cast, no episode.", hint="Leave one of the two options out.")
    files = from_recordings(name, from_folder, consent) if from_folder else _scaffolded(name, episode=episode)
    _write_new(folder, files)
    if as_json:
        show_json({"folder": str(folder), "files": list(files)})
        return
    say(f"Wrote {', '.join(escape(path) for path in files)} in [bold]{escape(str(folder))}[/].")
    say(f"[bold]Next[/]  callsheet check {escape(str(folder))}")


def check(
    project: ProjectPath,
    *,
    recordings: Annotated[
        bool,
        typer.Option("--recordings", help="Measure the reference recordings too, as a worker would before cloning."),
    ] = False,
    spoken: Annotated[
        bool,
        typer.Option("--spoken", help="List what will be said otherwise than it is written: words, numbers, dates."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read a project and its sheets and say everything that is wrong. Offline; nothing is sent or spent."""
    local = LocalProject.read(project)
    require_usable(local)
    facts = _facts(local)
    judged = list(_listened(local)) if recordings else []
    said = list(spoken_otherwise(local.project)) if spoken else []
    if as_json:
        facts |= {"recordings": [one.as_dict() for one in judged]} if recordings else {}
        show_json(facts | ({"spoken": [one.as_dict() for one in said]} if spoken else {}))
    else:
        _tell(facts)
        if spoken:
            data.print(spoken_view(local.project, said))
        if recordings:
            data.print(listening.view(judged))
    bad = sum(1 for one in judged if one.problems)
    if bad:
        some = f"{bad} of {counted(len(judged), 'recording')}"
        say(f"{some} cannot be cloned; `callsheet apply` would make the other voices.")
        raise typer.Exit(ExitCode.USAGE)


def _listened(local: LocalProject) -> Iterator[Judged]:
    """Judge the recordings, and say which is being waited for where somebody watches."""
    with talk.status("Listening to the recordings...") as status:
        for number, one in enumerate(listening.judge(local), 1):
            status.update(f"Listened to {number}: {escape(one.file)}")
            yield one


def _tell(facts: Json) -> None:
    parts = ", ".join(counted(facts[f"{part}s"], part) for part in ("line", "character", "talent"))
    data.print(f"[green]ok[/]  {escape(facts['production'])}: {parts}")
    for name, encoding in facts["encodings"].items():
        say(f"{escape(name)} was read as {encoding}; is every accent right?")
    for told in plan_notes.missing_languages(facts["missing_languages"]):
        say(f"[yellow]missing[/]  {told}")
    for note in facts["notes"]:
        say(f"[yellow]note[/]  {escape(note)}")
    for talent, field in facts["missing_consent"].items():
        say(f"[yellow]consent[/]  {escape(talent)} may not be heard yet: {field} is missing or does not cover this.")


def plan(
    project: ProjectPath,
    *,
    only: Only = None,
    fresh: Fresh = False,
    every_line: Annotated[bool, typer.Option("--all", help="List every line, the reused ones too.")] = False,
    explain: Annotated[str | None, typer.Option(help="Show of one line, by its id, what differs and why.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the plan to this file; apply --plan does exactly that, or nothing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be made, why, and what it costs. Nothing is made or spent; large sheets are uploaded for it."""
    local = LocalProject.read(project)
    client = context.client()
    wanted = {"only": only or [], "fresh": fresh}
    body = {**local.plan_body(client), **wanted}
    if explain is not None:
        told = client.post("/plans/explain", {**body, "line": explain}, takes_long=True)
        show_json(told) if as_json else data.print(render.explained_view(told))
        return
    if save is not None:
        saved_plan.save(save, outcome.with_leave(client.rows("/plans/lines", body)), wanted)
        say(f"Saved to {escape(str(save))}. [bold]Next[/]  {escape(f'callsheet apply {project} --plan {save}')}")
    if as_json:
        _stream_plan(outcome.with_leave(client.rows("/plans/lines", body)))
        return
    drawn = client.post("/plans", body, takes_long=True)
    if every_line:
        drawn["lines"] = _some_lines(client.rows("/plans/lines", body))
    data.print(render.plan_view(drawn, every_line=every_line))


def apply(  # noqa: PLR0913 - an option each
    project: ProjectPath,
    *,
    budget: Annotated[
        str | None,
        typer.Option(help="Most this run may spend, in dollars, such as 25; without it, the project file's budget."),
    ] = None,
    budget_mode: Mode = BudgetMode.HARD,
    priority: Haste = Priority.NORMAL,
    only: Only = None,
    fresh: Fresh = False,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Do what this saved plan says, or nothing where that has changed.")
    ] = None,
    yes: Yes = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Make exactly what the plan says, and watch it. Ctrl-C stops watching, not the run."""
    local = LocalProject.read(project)
    cap = outcome.cap(budget)
    saved = _saved(plan_file, only, fresh=fresh)
    wanted: Json = {"only": saved.only, "fresh": saved.fresh} if saved else {"only": only or [], "fresh": fresh}
    client = context.client()
    body = {**local.plan_body(client), "budget_micros": cap, **wanted}
    drawn = applying.draw(client, body)
    if saved is not None:
        saved.require(drawn, client.rows("/plans/lines", body))
    applying.agree(drawn, budget_mode, yes=yes)
    terms = {"budget_micros": cap, "budget_mode": budget_mode, "priority": priority, **wanted}
    run = applying.start(client, local, drawn, terms)
    if not detach:
        run = outcome.watch(client, run)
    if as_json:
        show_json(run)
    raise typer.Exit(outcome.report(run))


def _saved(plan_file: Path | None, only: list[str] | None, *, fresh: bool) -> SavedPlan | None:
    if plan_file is None:
        return None
    if only or fresh:
        hint = "Leave --only and --fresh out, or save a plan with them."
        raise UsageError("--plan says already what is wanted.", hint=hint)
    return SavedPlan.read(plan_file)


def _stream_plan(rows: Iterator[Json]) -> None:
    """Write a plan with every line; it is never whole in memory but for what has left the sheet."""
    facts: Json = {**next(rows), "removed": []}

    def lines() -> Iterator[Json]:
        for row in rows:
            if "removed" in row:
                facts["removed"].append(row["removed"])
            else:
                yield row

    stream_json("lines", lines(), **facts)


def _some_lines(rows: Iterator[Json]) -> list[Json]:
    """Return the plan's lines as far as a person would read them."""
    next(rows)
    lines = (row for row in rows if "removed" not in row)
    return list(islice(lines, render.MOST_LINES))


def _facts(local: LocalProject) -> Json:
    project = local.project
    return {
        "production": project.production,
        "languages": list(project.languages),
        "lines": len(project.lines),
        "characters": len(project.characters),
        "talents": len(project.talents),
        "missing_consent": _missing_consents(project),
        "missing_languages": {
            language: {"lines": len(ids), "ids": list(ids)} for language, ids in project.missing.items()
        },
        "encodings": {name: encoding for name, encoding in project.encodings.items() if encoding != "utf-8"},
        "notes": [*project.notes, *stray_marks(project.lines)],
    }


def _missing_consents(project: Project) -> dict[str, str]:
    """Name what the consent of each talent lacks for the languages it is cast in, or for the source where it is not."""
    spoken: dict[str, dict[str, None]] = {}
    for character, language in project.roles():
        voice = character.voice_in(language)
        if isinstance(voice, ClonedFrom):
            spoken.setdefault(voice.talent, {})[language] = None
    gaps = {}
    for talent in project.talents.values():
        for language in spoken.get(talent.key, [project.language]):
            field = missing_consent(talent, project.production, language, datetime.now(UTC).date())
            if field:
                gaps[talent.key] = f"talents.{talent.key}.{field}"
    return gaps


def _scaffolded(name: str, *, episode: bool) -> dict[str, str | Path]:
    return dict(episode_scaffold(name) if episode else scaffold(name))


def _write_new(folder: Path, files: dict[str, str | Path]) -> None:
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise UsageError(f"{folder} already holds {', '.join(there)}.", hint="Choose another folder.")
    with writing_to(folder):
        # The project file is the first of them and the last to be written: without it there is no project.
        for path, content in reversed(files.items()):
            write_whole(folder / path, content if isinstance(content, Path) else content.encode())
