"""The words for actions."""

from __future__ import annotations

from collections import Counter

from opencoderouter.core.fleet.keys import ACTIONS, SECTIONS
from opencoderouter.core.fleet.preferences import KEYS


def test_every_action_is_explained_once() -> None:
    """Help and palette know each action that a key can be given to, and no other."""
    counted = Counter(action for section in SECTIONS.values() for action in section)
    assert counted == Counter(dict.fromkeys(KEYS, 1))


def test_words() -> None:
    """Names are short enough for the palette; what they do is told in one line."""
    assert all(0 < len(name) <= 16 and 0 < len(effect) <= 64 for name, effect in ACTIONS.values())
    assert len({name for name, _ in ACTIONS.values()}) == len(ACTIONS)
