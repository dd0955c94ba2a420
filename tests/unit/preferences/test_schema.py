"""The options, beside the plain values and Textual."""

from __future__ import annotations

from dataclasses import fields

import pytest
from textual.theme import BUILTIN_THEMES

from opencoderouter.core.fleet import preferences as core
from opencoderouter.preferences import schema


@pytest.mark.parametrize(
    "name", ["Polling", "Cache", "Display", "Hosts", "Override", "Ssh", "Sessions"]
)
def test_every_option_is_there_with_its_default_and_a_line(name: str) -> None:
    """The file can say all that the program knows, and no more."""
    section, plain = getattr(schema, name), getattr(core, name)
    assert set(section.model_fields) == {field.name for field in fields(plain)}
    assert all(field.description for field in section.model_fields.values())
    assert {k: v for k, v in section() if k != "overrides"} == {
        field.name: getattr(plain(), field.name)
        for field in fields(plain)
        if field.name != "overrides"
    }


def test_every_section_is_there() -> None:
    """``Preferences`` has no part that the file lacks."""
    assert set(schema.File.model_fields) == {field.name for field in fields(core.Preferences)}


def test_every_action_can_have_a_key() -> None:
    """Actions are those of the program."""
    assert list(schema.Keybindings.model_fields) == list(core.KEYS)


def test_no_two_actions_have_one_key() -> None:
    """The defaults are no problem by themselves."""
    keys = [key for keys in core.KEYS.values() for key in keys]
    assert len(keys) == len(set(keys))


def test_every_theme_of_textual_can_be_chosen() -> None:
    """Its own and those of ours, no others."""
    assert set(schema.THEMES) == {"auto", "nightops", "light", "minimal", *BUILTIN_THEMES}
