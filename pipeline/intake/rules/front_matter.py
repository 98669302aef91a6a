"""A script that is a project file: the block between two lines --- at its top says what a project file says."""

import posixpath
from collections.abc import Sequence

from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.readers import FORMATS
from pipeline.intake.rules.yaml_tree import BadYaml

_FENCES = ("---", "...")
_BEGIN = "begin the file with a line ---, the project's keys and a second line ---"


def is_script(path: str) -> bool:
    """Tell by the end of its name whether a project file is a script with front matter."""
    return posixpath.splitext(path)[1].lower() in FORMATS["markdown"].extensions


def end_of_block(lines: Sequence[str]) -> int:
    """Return how many lines the front matter takes, both fences counted: 0 where there is none or it does not end."""
    if not lines or lines[0].rstrip() != _FENCES[0]:
        return 0
    return next((n + 1 for n, line in enumerate(lines[1:], 1) if line.rstrip() in _FENCES), 0)


def front_matter(text: str) -> str:
    """Return the front matter of a script as YAML whose lines have their numbers; raises `Refusal`."""
    lines = text.split("\n")
    end = end_of_block(lines)
    if not end and lines[0].rstrip() == _FENCES[0]:
        raise BadYaml("the front matter does not end", line=1, hint="put a line --- below its last key")
    if not end:
        raise Refusal("the script has no front matter, so nothing says who speaks", hint=_BEGIN)
    return "\n".join(["", *lines[1 : end - 1], ""])
