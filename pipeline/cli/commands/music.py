"""music: what the account's episodes share, music and covers."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown.measuring import measure_music
from pipeline.audio.mixdown.picture import read_cover
from pipeline.audio.mixdown.score import Sound
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, table
from pipeline.cli.context import context
from pipeline.cli.counting import counted
from pipeline.cli.options import PANEL, AsJson
from pipeline.errors import UsageError
from pipeline.intake.rules.episode_section import COVER_SUFFIXES, MUSIC_SUFFIXES
from pipeline.intake.rules.names import slugged
from pipeline.packs.rules.episode.publication import clock

Json = dict[str, Any]
HINT = "Scripts name it: `intro: bucket:NAME`, and so outro, bed, sting and cover."
_SUFFIXES = (*MUSIC_SUFFIXES, *COVER_SUFFIXES)
_HEARD_CHANNELS = 2

music = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(music, name="music", rich_help_panel=PANEL)


@music.callback()
def shared(called: typer.Context, *, as_json: AsJson = False) -> None:
    """List the music and the covers that all episodes of the account may name: `intro: bucket:NAME`."""
    if called.invoked_subcommand is not None:
        return
    found = list(context.client().pages("/music", "name"))
    if as_json:
        show_json([{name: value for name, value in row.items() if name != "url"} for row in found])
        return
    shown = table("Music and covers", "name", "file", "size", "replaced", right=frozenset({"size", "replaced"}))
    for row in found:
        times = counted(row["number"] - 1, "time") if row["number"] > 1 else ""
        shown.add_row(f"bucket:{row['name']}", row["suffix"][1:], f"{row['bytes'] / 1e6:.2f} MB", times)
    if found:
        data.print(shown)
    say(f"[bold]Next[/]  {HINT if found else 'callsheet music add FILE   puts the first piece there.'}")


@music.command()
def add(
    files: Annotated[list[Path], typer.Argument(help=f"{', '.join(_SUFFIXES)}.")],
    *,
    name: Annotated[
        str | None, typer.Option("--as", help="Name of the piece; without it, its file's in lower case.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of another piece of that name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put music and covers into the account's bucket. Each is looked at first: what is no sound or no picture stays.

    An episode that names a piece which was replaced is built anew the next time it is asked for.
    """
    if name is not None and len(files) > 1:
        raise UsageError("--as names one piece.", hint="Add them one by one, or leave it out.")
    wanted = {_name_of(path, name): path for path in files}
    if len(wanted) < len(files):
        raise UsageError("Two of these files would have one name.", hint="Name them with --as, one by one.")
    seen = {name: _seen(path) for name, path in wanted.items()}
    client = context.client()
    done = [{**_added(client, name, path, replace=replace), **seen[name]} for name, path in wanted.items()]
    if as_json:
        show_json(done)
        return
    for one in done:
        was = ", was there already" if one["present"] else ""
        data.print(f"bucket:{one['name']}  {_told(one)}{was}", soft_wrap=True)
    say(f"[bold]Next[/]  {HINT}")


@music.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the piece, as `callsheet music` lists it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take music or a cover out of the bucket. Episodes that are built keep it; building one anew wants it."""
    plain = name.removeprefix("bucket:")
    done = context.client().delete(f"/music/{segment(plain)}")
    show_json(done) if as_json else say(f"bucket:{escape(plain)} is removed.")


def _name_of(path: Path, given: str | None) -> str:
    if path.suffix.lower() not in _SUFFIXES:
        hint = f"Export music as one of {', '.join(MUSIC_SUFFIXES)}, a cover as {', '.join(COVER_SUFFIXES)}."
        raise UsageError(f"{path.name} is no music and no picture, by the end of its name.", hint=hint)
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="Correct the path.")
    name = path.stem if given is None else given.removeprefix("bucket:")
    usable = slugged(name)
    if not usable or (given is not None and usable != name):
        hint = f"--as {usable} would do." if usable else "Give it one with --as, such as --as theme."
        raise UsageError(f"{name!r} is no name for it: lower-case letters, digits, - and _ are.", hint=hint)
    return usable


def _seen(path: Path) -> Json:
    """Look at a cover, or listen to music; returns seconds and loudness, which a cover has not."""
    if path.suffix.lower() in COVER_SUFFIXES:
        _require_picture(path)
        return {"seconds": None, "lufs": None}
    try:
        heard = measure_music(Sound(path), _HEARD_CHANNELS)
    except AudioRejected as rejected:
        raise UsageError(f"{rejected.message}.", hint="Export it again, as WAV or FLAC.") from rejected
    if not heard.seconds:
        raise UsageError(f"There is no sound in {path.name}.", hint="Export it again.")
    return {"seconds": heard.seconds, "lufs": heard.lufs}


def _require_picture(path: Path) -> None:
    try:
        read_cover(path)
    except AudioRejected as rejected:
        found = rejected.problems[0]
        hint = f"Allowed: {found.allowed}; {found.hint}."
        raise UsageError(f"{path.name}: {found.message} ({found.measured}).", hint=hint) from rejected


def _told(one: Json) -> str:
    if one["seconds"] is None:
        return "a cover"
    loud = "silent" if one["lufs"] is None else f"{one['lufs']:.1f} LUFS"
    return f"{clock(one['seconds'])}, {loud}"


def _added(client: Client, name: str, path: Path, *, replace: bool) -> Json:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    wish = {"suffix": path.suffix.lower(), "sha256": sha256, "bytes": path.stat().st_size, "replace": replace}
    answer = client.put(f"/music/{segment(name)}", wish)
    if answer["form"]:
        client.upload(answer["form"], path)
    return {"name": name, "sha256": sha256, "present": answer["present"]}
