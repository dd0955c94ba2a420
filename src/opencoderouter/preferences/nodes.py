"""YAML as plain data with its places. Every scalar stays the text that it is in the file.

So a host that is called ``no``, or a key ``8``, is not taken for something else, and nothing is
ever constructed from a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from opencoderouter.preferences.problem import Place

Path = tuple[str | int, ...]
Data = dict[str, "Data"] | list["Data"] | str | None
_MOST_NODES = 20_000  # aliases can make much of little
_DEEPEST = 20
_NOTHING = frozenset({"", "null", "Null", "NULL"})  # `~` is a home directory here


class Unusable(Exception):  # noqa: N818 - an expected end, not a broken promise
    """Nothing can be read from this text: why, and where."""

    def __init__(self, reason: str, place: Place | None = None) -> None:
        super().__init__(reason)
        self.place = place


@dataclass(slots=True)
class Document:
    """The data; where each name and value stands; what is wrong with the data as such."""

    data: dict[str, Data] = field(default_factory=dict)
    names: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[tuple[Place, str]] = field(default_factory=list)
    nodes: int = 0

    def place(self, path: Path, *, name: bool = False) -> Place | None:
        """Return where an option is: its value, or its name; else what it is part of."""
        for end in range(len(path), 0, -1):
            found = (self.names if name else self.values).get(path[:end])
            if found is not None:
                return found
        return None


def parse(text: str) -> Document:
    """Return what a text says. Raises Unusable for what is no YAML, or no mapping."""
    root = _composed(text)
    document = Document()
    if root is None:
        return document
    data = _data(root, (), document)
    if data is None:
        return document
    if not isinstance(data, dict):
        raise Unusable("must be options by their names, such as `polling:`", _place(root))
    document.data = data
    return document


def _composed(text: str) -> Node | None:
    try:
        node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise Unusable(f"this is no YAML: {words}{_hint(words)}", place) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise Unusable(
            f"a character that YAML does not allow (U+{error.character:04X})", place
        ) from None
    except RecursionError:
        raise Unusable("this is nested too deeply") from None
    return node


def _hint(words: str) -> str:
    """Return what helps with the mistakes that are made most."""
    if "'\\t'" in words:
        return "; indent with spaces, not tabs"
    if "start any token" in words or "undefined alias" in words or "not allowed here" in words:
        return "; put text with special characters in quotes"
    return ""


def _data(node: Node, path: Path, document: Document) -> Data:
    document.nodes += 1
    if document.nodes > _MOST_NODES or len(path) > _DEEPEST:
        raise Unusable("this is too large: aliases may lead to themselves", _place(node))
    if isinstance(node, ScalarNode):
        return None if node.style is None and node.value in _NOTHING else str(node.value)
    if isinstance(node, SequenceNode):
        return [_item(item, (*path, i), document) for i, item in enumerate(node.value)]
    return dict(_pairs(node, path, document)) if isinstance(node, MappingNode) else None


def _item(node: Node, path: Path, document: Document) -> Data:
    document.values[path] = document.names[path] = _place(node)
    return _data(node, path, document)


def _pairs(node: MappingNode, path: Path, document: Document) -> Iterator[tuple[str, Data]]:
    seen: dict[str, Place] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            document.problems.append((_place(key), "a name is wanted here, not a list or mapping"))
            continue
        here = (*path, key.value)
        if key.value in seen:
            first = seen[key.value].line
            text = f"{dotted(here)} is there twice (also in line {first}); the last one counts"
            document.problems.append((_place(key), text))
        seen[key.value] = document.names[here] = _place(key)
        document.values[here] = _place(value) if value.start_mark != value.end_mark else _place(key)
        yield key.value, _data(value, here, document)


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def dotted(path: Path) -> str:
    """Return an option as it is spoken of: ``hosts.include[1]``."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text
