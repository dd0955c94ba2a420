"""The defaults."""

from __future__ import annotations

from collections import Counter

from opencoderouter.core.fleet.preferences import KEYS, Preferences


def test_no_key_has_two_actions() -> None:
    """Each key does one thing."""
    keys = Counter(key for several in KEYS.values() for key in several)
    assert [key for key, number in keys.items() if number > 1] == []


def test_keys_can_be_changed_alone() -> None:
    """Preferences have a copy of the default keys."""
    assert Preferences().keybindings == KEYS
    assert Preferences().keybindings is not KEYS
