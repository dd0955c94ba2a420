"""Which key does what, as the preferences have it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.binding import Binding, BindingsMap
from textual.keys import format_key

# Keys that no preference takes away from what they do everywhere, unless it uses them itself.
FIXED: Mapping[str, str] = {
    "home": "top",
    "end": "bottom",
    "pageup": "page_up",
    "pagedown": "page_down",
    "escape": "escape",
}


def key_name(key: str, *, unicode: bool) -> str:
    """Return a key as on keyboards, or by its name where only ASCII is."""
    name = format_key(key)
    return name if unicode or name.isascii() else key


class Keymap:
    """Finds the action of a key (Textual's name), and the key of an action."""

    def __init__(self, keybindings: Mapping[str, tuple[str, ...]], *, unicode: bool = True) -> None:
        self._keys = keybindings
        self._unicode = unicode
        mapped = {key: action for action, keys in keybindings.items() for key in keys}
        self.actions = {**FIXED, **mapped}

    def bindings(self) -> BindingsMap:
        """Return all keys for a screen that takes them itself, before any widget of it.

        They are acted upon in the order in which they come, also when they come all at once: a
        widget would have got the next one before the keyboard is another's.
        """
        keys = (("enter", "leave"), *self.actions.items())  # leave: while somebody types
        return BindingsMap(Binding(key, one, show=False, priority=True) for key, one in keys)

    def shown(self, action: str) -> str:
        """Return the first key of an action as it is shown, or nothing where it has none."""
        fixed = tuple(key for key, one in FIXED.items() if one == action)
        keys = (*self._keys.get(action, ()), *fixed)
        return key_name(keys[0], unicode=self._unicode) if keys else ""
