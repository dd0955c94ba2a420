"""The file as it is generated."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.preferences.check import check
from opencoderouter.preferences.schema import File
from opencoderouter.preferences.template import template


def test_it_says_the_defaults() -> None:
    """Read back it is right, and changes nothing."""
    reading = check(template(), "f")
    assert (reading.problems, reading.notes) == ((), ())
    assert reading.preferences == Preferences()


def test_it_has_every_option_with_a_comment() -> None:
    """Each option stands there with what it does."""
    lines = template().splitlines()
    for name, section in File.model_fields.items():
        for option, about in type(
            section.get_default(call_default_factory=True)
        ).model_fields.items():
            assert any(
                line.startswith(f"  {option}:") and line.endswith(f"# {about.description}")
                for line in lines
            ), (name, option)


def test_what_is_commented_out_is_right_too() -> None:
    """The example of an override can be used as it stands."""
    text = template().replace("overrides: {}", "overrides:   ")
    text = re.sub(r"(?m)^    # ", "    ", text)
    reading = check(text, "f")
    assert reading.problems == ()
    assert reading.preferences.hosts.overrides["my-server"].label == "Main API Server"


def test_it_is_yaml_for_others_too() -> None:
    """Any parser of YAML reads the same sections."""
    assert set(yaml.safe_load(template())) == set(File.model_fields)


def test_every_option_is_documented() -> None:
    """docs/fleet.md has each option and each key's name."""
    text = (Path(__file__).parents[3] / "docs" / "fleet.md").read_text()
    for name, section in File.model_fields.items():
        for option in type(section.get_default(call_default_factory=True)).model_fields:
            wanted = f"`{option}`" if name == "keybindings" else f"| `{name}.{option}` |"
            assert wanted in text, wanted
