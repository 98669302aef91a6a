"""Fetching a cast pack: whole files only, nothing rewritten that has not changed, a manifest beside them."""

from pipeline.cli.pack.archiving import require_archive
from pipeline.cli.pack.pulling import Puller
from pipeline.cli.pack.sealing import Sealer, SignMode

__all__ = ["Puller", "Sealer", "SignMode", "require_archive"]
