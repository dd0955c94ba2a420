"""Which key does what."""

from __future__ import annotations

from opencoderouter.core.fleet.preferences import KEYS
from opencoderouter.tui.keymap import Keymap
from opencoderouter.tui.main import Main


def test_defaults() -> None:
    """Every action of the preferences is one of the screen, and its keys find it."""
    keymap = Keymap(KEYS)
    for action, keys in KEYS.items():
        assert callable(getattr(Main, f"action_{action}"))
        assert {keymap.action(key) for key in keys} == {action}


def test_fixed() -> None:
    """Some keys do what they do everywhere, unless a preference uses them."""
    assert Keymap(KEYS).action("pagedown") == "page_down"
    assert Keymap({**KEYS, "mark": ("home",)}).action("home") == "mark"


def test_remapped() -> None:
    """A key that was given away does nothing any more."""
    keymap = Keymap({**KEYS, "quit": ("x",)})
    assert (keymap.action("x"), keymap.action("q")) == ("quit", None)


def test_shown() -> None:
    """Keys are shown as they are printed on keyboards; without Unicode by their names."""
    keymap = Keymap({**KEYS, "sort": ()})
    shown = [keymap.shown(action) for action in ("search", "attach", "sort", "escape")]
    assert shown == ["/", "⏎", "", "esc"]
    assert Keymap(KEYS, unicode=False).shown("attach") == "enter"
