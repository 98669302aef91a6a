"""Packs as they are delivered: the links of a cast pack, the files of an episode."""

from pipeline.packs.service.links import files

__all__ = ["files"]
