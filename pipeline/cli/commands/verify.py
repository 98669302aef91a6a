"""verify: what delivered files say of themselves, and whether it still holds."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import data, show_json, table
from pipeline.cli.options import PANEL, AsJson
from pipeline.errors import ExitCode, UsageError
from pipeline.provenance import Verification, VerificationState, Verifying, open_verifier

Json = dict[str, Any]
_COLOURS = {VerificationState.TRUSTED: "green", VerificationState.VALID: "green"}
_MANIFEST = ".c2pa"


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command(rich_help_panel=PANEL)(verify)


def verify(
    files: Annotated[list[Path], typer.Argument(help="Files of sound; a manifest beside one is found by its name.")],
    *,
    anchor: Annotated[
        Path | None,
        typer.Option(help="PEM file of root certificates; a file passes if one of them vouches for its signer."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read back what signed files say: who signed, what made them, whose voices. Needs neither stack nor network.

    Exit code 3 where a file has no manifest, is not as it was signed, or nobody vouches for its signer though --anchor
    is given.
    """
    verifier = open_verifier(anchor)
    found = {path: _read(verifier, path) for path in files}
    if as_json:
        show_json({"files": [{"file": str(path), **asdict(one)} for path, one in found.items()]})
    else:
        data.print(Group(*_views(found)))
    passing = {VerificationState.TRUSTED} if anchor else {VerificationState.TRUSTED, VerificationState.VALID}
    if any(one.state not in passing for one in found.values()):
        raise typer.Exit(ExitCode.PARTIAL)


def _read(verifier: Verifying, path: Path) -> Verification:
    if path.suffix.lower() == _MANIFEST:
        raise UsageError(f"{path} is a manifest.", hint="Name the file of sound that it lies beside.")
    try:
        return verifier.verify(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Name files that are there.") from error


def _views(found: dict[Path, Verification]) -> Iterator[Table | Text]:
    shown = table("Provenance", "file", "state", "manifest", "signed by", "stamped", "made by", "title")
    for path, one in found.items():
        state = f"[{_COLOURS.get(one.state, 'red')}]{one.state}[/]"
        told = (one.place, one.signer, one.time_stamp or "", one.program, one.title)
        shown.add_row(escape(path.name), state, *map(escape, told))
    yield shown
    for path, one in found.items():
        for speaker in one.speakers:
            yield Text(f"{path.name}: {_speaker(speaker)}")
        if one.why:
            yield Text(f"{path.name}: {', '.join(one.why)}", style="red")


def _speaker(speaker: Json) -> str:
    name, voice, talent = (str(speaker.get(key, "")) for key in ("name", "voice", "talent"))
    return f"{name}, {voice} voice{f' of {talent}' if talent else ''}"
