"""Whose signature delivered files get, and what it claims of their voices."""

from importlib import metadata
from typing import Annotated

import typer

from pipeline.cli.context import context
from pipeline.provenance import Claim, Signing, Speaker, open_signer

Sign = Annotated[
    bool, typer.Option("--sign", help="Sign the files, last of all, with what they are and whose voices (C2PA).")
]


def signer() -> Signing:
    """Return who signs as the settings say. Raises `EnvironmentFault` where nobody can."""
    settings = context.settings()
    return open_signer(settings.signing_certificate, settings.signing_key, settings.signing_tsa)


def claim(title: str, speakers: list[Speaker]) -> Claim:
    """Return what this program claims of a file."""
    return Claim(title, speakers, metadata.version("callsheet"))
