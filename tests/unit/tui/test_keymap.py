"""Which key does what."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet.preferences import KEYS
from opencoderouter.tui.keymap import Keymap, key_name
from opencoderouter.tui.main import Main


def test_defaults() -> None:
    """Every action of the preferences is one of the screen, and its keys find it."""
    keymap = Keymap(KEYS)
    for action, keys in KEYS.items():
        assert callable(getattr(Main, f"action_{action}"))
        assert {keymap.actions.get(key) for key in keys} == {action}


def test_fixed() -> None:
    """Some keys do what they do everywhere, unless a preference uses them."""
    assert Keymap(KEYS).actions.get("pagedown") == "page_down"
    assert Keymap({**KEYS, "mark": ("home",)}).actions.get("home") == "mark"


def test_remapped() -> None:
    """A key that was given away does nothing any more."""
    keymap = Keymap({**KEYS, "quit": ("x",)})
    assert (keymap.actions.get("x"), keymap.actions.get("q")) == ("quit", None)


def test_shown() -> None:
    """Keys are shown as they are printed on keyboards; without Unicode by their names."""
    keymap = Keymap({**KEYS, "sort": ()})
    shown = [keymap.shown(action) for action in ("search", "attach", "sort", "escape")]
    assert shown == ["/", "⏎", "", "esc"]
    assert Keymap(KEYS, unicode=False).shown("attach") == "enter"


@pytest.mark.parametrize(
    ("key", "shown", "plain"),
    [("up", "↑", "up"), ("slash", "/", "/"), ("question_mark", "?", "?"), ("W", "W", "W")],
)
def test_key_name(key: str, shown: str, plain: str) -> None:
    """Keys are shown as people write them; arrows are words where there is no Unicode."""
    assert key_name(key, unicode=True) == shown
    assert key_name(key, unicode=False) == plain
