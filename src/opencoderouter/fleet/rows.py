"""Frozen dataclasses as rows of JSON: the values of their fields in order, and back, types checked.

A field that ``repr`` leaves out is a secret: it is not written, and has its default when read. It
is the last one of its type.
"""

from __future__ import annotations

import types
import zlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

Turn = Callable[[Any], Any]


@cache
def shape(kind: type) -> str:
    """Return what is another one when a type's fields, or those of types in them, have changed."""
    return f"{zlib.crc32(_described(kind).encode()):08x}"


@cache
def writer(kind: Any) -> Turn:  # noqa: ANN401 - a type, as annotations write it
    """Return what makes JSON of a value of this type."""
    if _has_columns(kind):
        columns = [(name, writer(hint)) for name, hint in _columns(kind).items()]
        return lambda value: [write(getattr(value, name)) for name, write in columns]
    how, inners = _parts(kind)
    inner = writer(inners[0]) if inners else _same
    if how == "optional":
        return lambda value: None if value is None else inner(value)
    if how == "many":
        return lambda value: [inner(one) for one in value]
    return _same  # text, numbers, words, and pairs of these


@cache
def reader(kind: Any) -> Turn:  # noqa: ANN401 - as above
    """Return what makes a value of this type of JSON. It raises ValueError where that is none."""
    if _has_columns(kind):
        return _row(kind)
    how, inners = _parts(kind)
    if not how:
        return kind if issubclass(kind, StrEnum) else _plain(kind)
    each = [reader(inner) for inner in inners]
    inner = each[0]
    if how == "optional":
        return lambda value: None if value is None else inner(value)
    if how == "many":
        return lambda value: tuple([inner(one) for one in _list(value)])
    return lambda value: tuple([read(one) for read, one in zip(each, _list(value), strict=True)])


def _row(kind: Any) -> Turn:  # noqa: ANN401 - as above
    hints = _columns(kind).values()
    columns = [reader(hint) for hint in hints]
    ready = [_ready(hint) for hint in hints]

    @cache  # thousands of rows are of few types; most of their values are ready
    def rest(types_: tuple[type, ...]) -> tuple[int, ...]:
        pairs = enumerate(zip(types_, ready, strict=True))
        return tuple(at for at, (type_, enough) in pairs if type_ not in enough)

    def read(row: object) -> object:
        values = _list(row).copy()
        for at in rest(tuple(map(type, values))):
            values[at] = columns[at](values[at])
        return kind(*values)

    return read


def _ready(kind: Any) -> tuple[type, ...]:  # noqa: ANN401 - as above
    """Return the types of JSON whose values are those of a type already."""
    how, inners = _parts(kind)
    if how == "optional":
        return (types.NoneType, *_ready(inners[0]))
    if how or _has_columns(kind) or issubclass(kind, StrEnum):
        return ()
    return (float, int) if kind is float else (kind,)


def _plain(kind: type) -> Turn:
    allowed = _ready(kind)

    def read(value: object) -> object:
        if type(value) in allowed:  # not isinstance: for JSON, true is no number
            return value
        raise ValueError(kind.__name__)

    return read


def _list(value: object) -> list[Any]:
    if type(value) is list:
        return value
    raise ValueError(list.__name__)


def _same(value: object) -> object:
    return value


def _has_columns(kind: Any) -> bool:  # noqa: ANN401 - as above
    return is_dataclass(kind)


@cache
def _columns(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.repr}


def _parts(kind: Any) -> tuple[str, list[Any]]:  # noqa: ANN401 - as above
    """Return how a type is made of others."""
    arguments = list(get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return "optional", [one for one in arguments if one is not types.NoneType]
    if get_origin(kind) is tuple:
        return ("many", arguments[:1]) if arguments[-1] is ... else ("few", arguments)
    return "", []


def _described(kind: Any) -> str:  # noqa: ANN401 - as above
    if _has_columns(kind):
        inner = (f"{name}:{_described(hint)}" for name, hint in _columns(kind).items())
        return f"({','.join(inner)})"
    how, inners = _parts(kind)
    return f"{how}[{','.join(map(_described, inners))}]" if how else kind.__name__
