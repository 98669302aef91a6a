"""YAML as a tree of plain values that remembers the line of each, with every repeated key reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from pipeline.intake.rules.problems import Refusal

Tree: TypeAlias = Any
"""dict, list, str, bool or None: what is written stays a string, so that 25.00 is never a binary float."""

Path: TypeAlias = tuple[str | int, ...]

MOST_NODES = 200_000
"""Twice those of 10,000 lines; the parser reads 30,000 a second."""
MOST_LEVELS = 50
"""Each token is compared with all brackets that are open."""

_KIND = "tag:yaml.org,2002:"


class BadYaml(Refusal):
    """The text is not YAML; `line` is where the parser stopped."""

    def __init__(self, message: str, *, line: int | None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line


@dataclass(frozen=True)
class Repeated:
    """A key that stands twice in one mapping: the second one would silently win."""

    path: Path
    first_line: int
    line: int


class Document:
    """One parsed file. Anchors and aliases work; merge keys ("<<") are keys like any other."""

    def __init__(self, text: str) -> None:
        """Parse; raises `BadYaml`."""
        self.repeated: list[Repeated] = []
        self._seen: dict[int, Tree] = {}
        self._entries: dict[int, dict[str, tuple[int, Node]]] = {}
        try:
            self._root = _compose(text)
            self.tree: Tree = None if self._root is None else self._plain(self._root, ())
        except RecursionError as wrong:
            raise BadYaml("nested too deeply", line=None, hint="no project needs more than a dozen levels") from wrong

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of the deepest part of `path` that exists, from 1."""
        node, line = self._root, 1
        for step in path:
            entry = self._entry(node, step)
            if entry is None:
                break
            line, node = entry
        return line

    def _entry(self, node: Node | None, step: str | int) -> tuple[int, Node] | None:
        if isinstance(node, MappingNode):
            if id(node) not in self._entries:  # looked up once for each problem, of which there may be thousands
                self._entries[id(node)] = {_key(key): (key.start_mark.line + 1, value) for key, value in node.value}
            return self._entries[id(node)].get(str(step))
        if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            item = node.value[step]
            return item.start_mark.line + 1, item
        return None

    def _plain(self, node: Node, path: Path) -> Tree:
        """Turn a node into plain values once, so that an alias costs nothing and may even contain itself."""
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if id(node) not in self._seen:
            tree: Tree = {} if isinstance(node, MappingNode) else []
            self._seen[id(node)] = tree
            if isinstance(node, MappingNode):
                self._fill(tree, node, path)
            else:
                tree.extend(self._plain(item, (*path, n)) for n, item in enumerate(node.value))
        return self._seen[id(node)]

    def _fill(self, tree: dict[str, Tree], node: MappingNode, path: Path) -> None:
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = _key(key), key.start_mark.line + 1
            if name in lines:
                self.repeated.append(Repeated((*path, name), lines[name], line))
            lines.setdefault(name, line)
            tree[name] = self._plain(value, (*path, name))


class _BoundedComposer(Composer):
    """Stops where a file costs more than anybody's: a megabyte of brackets would be read for minutes."""

    nodes = levels = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401 - as the parser has it
        self.nodes += 1
        if self.nodes > MOST_NODES:
            hint = "split it; lines belong into sheets"
            raise BadYaml(f"the file has more than {MOST_NODES} keys and values", line=None, hint=hint)
        if self.levels >= MOST_LEVELS:
            raise RecursionError
        self.levels += 1
        node: Node | None = super().compose_node(parent, index)
        self.levels -= 1
        return node


def _compose(text: str) -> Node | None:
    reader = YAML(typ="safe", pure=True)
    reader.Composer = _BoundedComposer
    reader.composer.warn_double_anchors = False  # YAML allows it: the later one counts from there on
    try:
        root: Node | None = reader.compose(text)
    except BadYaml:
        raise
    except MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        said = " ".join(part for part in (wrong.context, wrong.problem) if part)
        raise BadYaml(f"not valid YAML: {said}", line=mark.line + 1 if mark else None, hint=_hint(said)) from wrong
    except ReaderError as wrong:
        raise BadYaml(
            f"not valid YAML: the character U+{int(wrong.character):04X} may not stand in it",
            line=text.count("\n", 0, wrong.position) + 1,
            hint="delete it; it often comes with text pasted from another program",
        ) from wrong
    except (YAMLError, AssertionError, OverflowError, ValueError) as wrong:
        # The parser's own checks leave as bare errors: \U escapes beyond Unicode, a %YAML version that is none.
        raise BadYaml(f"not valid YAML: {wrong}", line=None, hint="check the %YAML line and the \\U escapes") from wrong
    return root


def _hint(said: str) -> str:
    if "'\\t'" in said:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in said:
        return 'put a text that contains ": " in quotes'
    if "cannot start any token" in said:
        return "put a text that begins with @, `, % or & in quotes"
    return "check indentation and quotes on this line and the one above"


def _scalar(node: ScalarNode) -> Tree:
    if node.tag == f"{_KIND}null":
        return None
    if node.tag == f"{_KIND}bool":
        return node.value.lower() == "true"
    return node.value


def _key(node: Node) -> str:
    return node.value if isinstance(node, ScalarNode) else "a list or mapping"
