"""The file as it is written on the first run: every option with its default and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from typing import Any

import yaml

from opencoderouter.core.duration import format_duration
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.preferences import keys
from opencoderouter.preferences.schema import File, Override, Section

_COLUMN = 34  # of the comments
_PLAIN_NUMBERS = frozenset({"control_persist", "connect_timeout"})  # seconds, as they always were
_HEAD = """\
# What `ocr` shows, and how. Read when it starts, and again when this file changes.
# `ocr config check` says what is wrong here. All values below are the defaults.
"""


def template(preferences: Preferences | None = None) -> str:
    """Return the whole file: the defaults as they are generated, or these preferences."""
    if preferences is None:
        return "\n".join([_HEAD, *_sections(File())])
    return "\n".join(_sections(File.model_validate(asdict(preferences))))


def _sections(file: File) -> Iterator[str]:
    for name, field in File.model_fields.items():
        yield f"{name}:  # {field.description}"
        section = getattr(file, name)
        for option, about in type(section).model_fields.items():
            yield from _option(section, option, about.description or "")
        yield ""


def _option(section: Section, name: str, words: str) -> Iterator[str]:
    value = getattr(section, name)
    if value == {}:
        yield _line(f"  {name}: {{}}", words)
        yield from _example() if name == "overrides" else ()
    elif isinstance(value, dict):
        yield _line(f"  {name}:", words)
        for key, one in value.items():
            yield f"    {_text(key)}: {_text(_plain(one))}"
    else:
        yield _line(f"  {name}: {_value(section, name, value)}", words)


def _example() -> Iterator[str]:
    shown = {"label": "Main API Server", "priority": 1, "opencode_path": "/usr/local/bin/opencode"}
    shown |= {"scan_paths": ["/srv"]}
    yield "    # my-server:"
    for name, field in Override.model_fields.items():
        yield _line(f"    #   {name}: {_text(shown[name])}", field.description or "")


def _plain(value: object) -> object:
    """Return a list of patterns, or what is special about a host."""
    if isinstance(value, Section):
        given = {k: list(v) if isinstance(v, tuple) else v for k, v in value}
        return {k: v for k, v in given.items() if v not in ("", None, [])}
    return list(value) if isinstance(value, tuple) else value


def _line(text: str, words: str) -> str:
    return f"{text:{_COLUMN}}  # {words}"


def _value(section: Section, name: str, value: Any) -> str:  # noqa: ANN401 - of any option
    if isinstance(value, float):
        return f"{value:g}" if name in _PLAIN_NUMBERS else format_duration(value)
    if isinstance(value, tuple):
        shown = (
            [keys.shown(one) for one in value] if type(section).__name__ == "Keybindings" else value
        )
        return _text(shown[0] if len(shown) == 1 and shown is not value else list(shown))
    return _text(value.value if isinstance(value, Enum) else value)


def _text(value: object) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
