"""Fetching a cast pack: whole files only, nothing rewritten that has not changed, a manifest beside them."""

from pipeline.cli.pack.pulling import Puller

__all__ = ["Puller"]
