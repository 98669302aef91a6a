"""status, pull, voices: what a run has brought."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import follow, render
from pipeline.cli.auditions import fetched, page
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json
from pipeline.cli.context import context
from pipeline.cli.counting import counted, more
from pipeline.cli.declared import declared
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.options import PANEL, AsJson
from pipeline.cli.pack import Puller, Sealer, SignMode, require_archive
from pipeline.cli.signing import signer
from pipeline.cli.submission import PROJECT_NAMES
from pipeline.errors import PartialError, UsageError
from pipeline.packs.rules import Asked, Layout, PackFormat

Json = dict[str, Any]
MADE_VOICES = ("cloned", "designed")
SHOWN = 5
"""Names that are listed of a long list; `--json` and the manifest have all."""
AllowedRun = Annotated[
    str | None, typer.Argument(help="Id of a run, or name of a production: its newest; the newest of all without it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (status, pull, voices):
        app.command(rich_help_panel=PANEL)(command)


def status(
    run: AllowedRun = None,
    *,
    watch: Annotated[bool, typer.Option(help="Watch the run to its end.")] = False,
    every_run: Annotated[bool, typer.Option("--all", help="List the runs and productions.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a run stands: counts, money, failures by cause."""
    client = context.client()
    if every_run:
        listed = {"runs": list(client.pages("/runs", "id")), "productions": client.get("/productions")["data"]}
        show_json(listed) if as_json else data.print(render.everything_view(listed["runs"], listed["productions"]))
        return
    found = client.get(f"/runs/{segment(run or 'latest')}")
    if watch and found["state"] == "running":
        found = follow.follow(client, found["id"])
    show_json(found) if as_json else data.print(render.run_view(found))
    if found["unclear_attempts"] and not as_json:
        say("[bold]Next[/]  callsheet reconcile   shows the paid calls whose outcome is unclear; none is repeated.")


def pull(  # noqa: PLR0913 - each is an option that people type
    production: Annotated[
        str,
        typer.Argument(help="Name of the production, or its project file or folder: that tells which languages lack."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the files; without it, one named as the production, or pack in the project's."),
    ] = None,
    layout: Annotated[Layout, typer.Option(help="Whose folders, names and lists: see docs/packs.md.")] = Layout.FLAT,
    form: Annotated[
        PackFormat | None, typer.Option("--format", help="What files are stored as; without it, what the layout wants.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Template of names, such as {lang}/{character}/{line_id}.{ext}.")
    ] = None,
    loudness: Annotated[
        str | None, typer.Option(help="LUFS of lines spoken normally, such as -23; off keeps levels as they are.")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate in Hz; 48000 without it.")] = None,
    bits: Annotated[int | None, typer.Option(help="16 or 24 bits a sample, of WAV and FLAC.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 or 2; 1 without it.")] = None,
    pauses: Annotated[
        bool, typer.Option("--pauses", help="Write each line's pause_after as silence behind it.")
    ] = False,
    sign: Annotated[
        SignMode | None,
        typer.Option(help="Sign each file (C2PA): the manifest in it, or beside it so that its bytes stay the same."),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete files of earlier pulls that no line has now.")] = False,
    archive: Annotated[
        Path | None, typer.Option("--zip", help="Write all of it into this archive as well; equal packs, equal bytes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a production's spoken lines, a file a line, named and stored as an engine wants them, with a manifest.

    Files that are there already and unchanged stay as they are.
    """
    if archive is not None:
        require_archive(archive)
    signing = signer() if sign else None
    client = context.client()
    meant = declared(production)
    folder = out or _folder(meant.production)
    asked = Asked(layout, form, name, loudness, rate, bits, channels, pauses)
    seal = Sealer(client, signing, sign) if signing and sign else None
    puller = Puller(client, folder, asked, prune=prune, seal=seal, languages=meant.languages, archive=archive)
    pulled = puller.pull(meant.production)
    show_json(pulled) if as_json else _show_pull(pulled)
    _require_whole(pulled["failed"])


def _folder(production: str) -> Path:
    """Return where a pack goes: a folder named as the production, or one below it where the project itself lies there.

    One that holds a pack of an earlier pull keeps it.
    """
    folder = Path(production)
    is_project = any((folder / name).is_file() for name in PROJECT_NAMES)
    return folder / "pack" if is_project and not (folder / "manifest.json").is_file() else folder


def _show_pull(pulled: dict[str, Any]) -> None:
    for place in filter(None, (pulled["folder"], pulled["archive"])):
        data.print(escape(place), soft_wrap=True)
    say(
        f"{counted(pulled['fetched'], 'file')} fetched, {pulled['kept']} there already,"
        f" {counted(len(pulled['missing']), 'line')} not spoken yet."
    )
    for language, ids in pulled["missing_languages"].items():
        say(f"{escape(language)} lacks {counted(len(ids), 'line')} that other languages have: {_some(ids)}.")
    told = {
        "off_target": ("file", "not as loud as asked, for its peaks or its silence"),
        "rejected": ("line", "delivered by a take that was rejected (callsheet retake makes others)"),
        "doubted": ("line", "delivered by a take that the quality gate has found bad (callsheet takes --review)"),
        "suspended": ("file", "of a talent who is suspended: spoken before"),
        "outdated": ("file", "of an older text, whose line is not spoken anew yet"),
        "unwanted": ("file", "of earlier pulls and no line's now (--prune deletes what nobody has changed)"),
        "pruned": ("file", "of earlier pulls deleted"),
        "beside": ("file", "that can hold no manifest: it lies beside"),
    }
    for kind, (what, meaning) in told.items():
        if pulled[kind]:
            say(f"{counted(len(pulled[kind]), what)} {meaning}: {_some(pulled[kind])}.")
    for note in pulled["notes"]:
        say(f"[yellow]note[/]  {escape(note)}")


def _require_whole(failed: Sequence[Json]) -> None:
    if failed:
        raise PartialError(
            f"{counted(len(failed), 'take')} could not be converted or signed; all others were.",
            hint="Speak those lines anew, or pull them with --format as-is.",
            problems=[{"place": one["id"], "message": one["message"]} for one in failed],
        )


def _some(names: list[str]) -> str:
    return escape(", ".join(names[:SHOWN])) + more(len(names) - SHOWN)


def voices(
    voice: Annotated[str | None, typer.Argument(help="Show this one: its id, its label or the provider's id.")] = None,
    *,
    system: Annotated[bool, typer.Option(help="List the provider's own voices, which need no cloning.")] = False,
    auditions: Annotated[
        Path | None, typer.Option(help="Write a page with a player for each voice that was made; it needs no network.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the account's voices, and the paid calls whose outcome is unclear; `callsheet reconcile` decides them."""
    client = context.client()
    if voice is not None:
        shown = client.get(f"/voices/{segment(voice)}")
        show_json(shown) if as_json else data.print(render.voice_view(shown))
        return
    answer = client.get("/system-voices" if system else "/voices")
    if auditions is not None:
        _write_auditions(client, answer["data"], auditions)
    if as_json:
        show_json(answer)
        return
    data.print(render.system_voices_table(answer["data"]) if system else render.voices_table(answer["data"]))
    for attempt in answer.get("unclear", []):
        say(f"[bold red]unclear[/] {attempt['id']} ({escape(attempt['label'])}): {escape(attempt['error'] or '')}")


def _write_auditions(client: Client, listed: list[Json], path: Path) -> None:
    made, recordings = fetched(client, [one for one in listed if one.get("kind") in MADE_VOICES])
    if not made:
        raise UsageError(
            "No voice was made yet: the provider's own have no audition.", hint="callsheet apply makes them."
        )
    with writing_to(path.parent):
        write_whole(path, "".join(page(made, recordings)).encode())
    say(f"{counted(len(made), 'voice is', 'voices are')} in {escape(str(path))}; open it in a browser.")
