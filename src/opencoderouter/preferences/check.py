"""From the text of the file to preferences, with everything that is wrong in it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from opencoderouter.core.duration import format_duration
from opencoderouter.core.fleet import preferences as core
from opencoderouter.preferences import keys
from opencoderouter.preferences.nodes import Data, Document, Path, Unusable, dotted, parse
from opencoderouter.preferences.problem import Place, Problem, Reading
from opencoderouter.preferences.schema import UNUSED, File

_SHOWN = 60  # characters of a value
_EXTRA = "extra_forbidden"  # pydantic's word
_UNKNOWN = "there is no such option"
_NO_NAME = "a name cannot begin with - nor have control characters"


def check(text: str, name: str) -> Reading:
    """Read the text of a file that is called ``name`` in problems. Never raises."""
    try:
        document = parse(text)
    except Unusable as error:
        return Reading(core.Preferences(), (Problem(name, str(error), error.place),))
    notes = list(_unused(document))
    found = list(document.problems)
    file = _validated(document, found)
    found.sort(key=lambda one: (one[0].line, one[0].column))
    return Reading(
        _plain(file),
        tuple(Problem(name, words, place) for place, words in found),
        tuple(Problem(name, words, place) for place, words in notes),
    )


def _unused(document: Document) -> Iterator[tuple[Place, str]]:
    """Take out what the original program had, and this one does not need."""
    for option, why in UNUSED.items():
        path = tuple(option.split("."))
        if _cut(document.data, path):
            yield document.names[path], f"{option}: {why}"


def _validated(document: Document, found: list[tuple[Place, str]]) -> File:
    """Return what can be used; what cannot is taken out of the data and told."""
    while wrong := list(_wrong(document)) or list(_crossed(document)):
        for path, words in wrong:
            if words:
                of_name = _UNKNOWN in words or _NO_NAME in words
                found.append((document.place(path, name=of_name) or Place(1, 1), words))
        for path, _ in reversed(wrong):  # the last of a list first
            _cut(document.data, path)
    return File.model_validate(document.data)


def _wrong(document: Document) -> Iterator[tuple[Path, str]]:
    """Yield what is not as it must be; without words, what has no value: it is as by default."""
    try:
        File.model_validate(document.data)
    except ValidationError as error:
        seen = set()
        for one in error.errors(include_url=False, include_context=False):
            path = one["loc"]
            while path not in document.names:  # the only item of what is no list, or `[key]`
                path = path[:-1]
            if path not in seen:
                seen.add(path)
                value = _value(document.data, path)
                empty = value is None and isinstance(path[-1], str) and one["type"] != _EXTRA
                yield path, "" if empty else _words(path, one, value)


def _crossed(document: Document) -> Iterator[tuple[Path, str]]:
    """Yield what is right by itself, but not beside the rest. The data is valid otherwise."""
    file = File.model_validate(document.data)
    active, idle = file.display.active_threshold, file.display.idle_threshold
    given = document.data.get("display")
    if active > idle and isinstance(given, dict):
        name = "active_threshold" if "active_threshold" in given else "idle_threshold"
        words = f"active_threshold ({format_duration(active)}) must not be longer than "
        yield (
            ("display", name),
            f"display.{name}: {words}idle_threshold ({format_duration(idle)})",
        )
    else:
        yield from _twice(document.data.get("keybindings"), file)


def _twice(given: Data, file: File) -> Iterator[tuple[Path, str]]:
    """Yield the first key that two actions have, for one that the file gives it to."""
    owner: dict[str, str] = {}
    chosen = given if isinstance(given, dict) else {}
    actions = dict(file.keybindings)
    for action in sorted(actions, key=lambda name: name in chosen):
        for key in actions[action]:
            if key in owner:
                words = f"`{keys.shown(key)}` is the key of {owner[key]}, too; give one another"
                yield ("keybindings", action), f"keybindings.{action}: {words}"
                return
            owner[key] = action


def _words(path: Path, error: Any, value: Data) -> str:  # noqa: ANN401 - a TypedDict of pydantic's inside
    if error["type"] == _EXTRA:
        return f"{dotted(path)}: {_UNKNOWN}; {_meant(path)}"
    if error["loc"][-1] == "[key]":
        return f"{dotted(path)}: {_NO_NAME}"
    option = _option(path)
    extra = option.json_schema_extra if option is not None else None
    allowed = str(extra["allowed"]) if isinstance(extra, dict) else "something else"
    if not isinstance(value, str):
        return f"{dotted(path)}: must be {allowed}"
    shown = f"{value[:_SHOWN]}{'...' if len(value) > _SHOWN else ''}"
    close = get_close_matches(shown, re.split(", | or ", allowed), 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{dotted(path)}: {shown}: must be {allowed}{hint}"


def _meant(path: Path) -> str:
    """Return what an unknown option may have been meant to be."""
    name = str(path[-1])
    names = list(_model(path[:-1]).model_fields)
    if close := get_close_matches(name.lower().replace("-", "_"), names, 1):
        return f"did you mean {close[0]}?"
    for section, field in File.model_fields.items():
        if name in _inner(field).model_fields:
            return f"it belongs below {section}"
    return f"there are {', '.join(names)}"


def _inner(field: FieldInfo) -> type[BaseModel]:
    kind = field.annotation
    parts = [kind, *get_args(kind)]
    return next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), BaseModel)


def _model(path: Path) -> type[BaseModel]:
    """Return what has the options below a path. Raises KeyError where there is nothing."""
    model: type[BaseModel] = File
    steps = iter(path)
    for step in steps:
        field = model.model_fields[str(step)]
        model = _inner(field)
        if field.annotation is not model:  # by alias
            next(steps, None)
    return model


def _option(path: Path) -> FieldInfo | None:
    """Return the option that a path leads to or into."""
    for end in range(len(path), 0, -1):
        try:
            return _model(path[: end - 1]).model_fields[str(path[end - 1])]
        except KeyError:
            continue
    return None


def _cut(data: Data, path: Path) -> bool:
    """Take a value out of the data; tell whether it was there."""
    step, *rest = path
    if not _has(data, step):
        return False
    inside: Any = data
    if rest:
        return _cut(inside[step], tuple(rest))
    del inside[step]
    return True


def _value(data: Data, path: Path) -> Data:
    inside: Any = data
    for step in path:
        inside = inside[step]
    return inside  # type: ignore[no-any-return]


def _has(data: Data, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _plain(file: File) -> core.Preferences:
    hosts = dict(file.hosts)
    hosts["overrides"] = {k: core.Override(**dict(v)) for k, v in file.hosts.overrides.items()}
    return core.Preferences(
        polling=core.Polling(**dict(file.polling)),
        cache=core.Cache(**dict(file.cache)),
        display=core.Display(**dict(file.display)),
        hosts=core.Hosts(**hosts),
        ssh=core.Ssh(**dict(file.ssh)),
        sessions=core.Sessions(**dict(file.sessions)),
        keybindings=dict(file.keybindings),
    )
