"""Which key does what, as the preferences have it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.keys import format_key

# Keys that no preference takes away from what they do everywhere, unless it uses them itself.
FIXED: Mapping[str, str] = {
    "home": "top",
    "end": "bottom",
    "pageup": "page_up",
    "pagedown": "page_down",
    "escape": "escape",
}


class Keymap:
    """Finds the action of a key, and the key of an action."""

    def __init__(self, keybindings: Mapping[str, tuple[str, ...]], *, unicode: bool = True) -> None:
        self._keys = keybindings
        self._unicode = unicode
        mapped = {key: action for action, keys in keybindings.items() for key in keys}
        self._actions = {**FIXED, **mapped}

    def action(self, key: str) -> str | None:
        """Return what a key (Textual's name) does."""
        return self._actions.get(key)

    def shown(self, action: str) -> str:
        """Return the first key of an action as it is shown, or nothing where it has none."""
        fixed = tuple(key for key, one in FIXED.items() if one == action)
        keys = (*self._keys.get(action, ()), *fixed)
        if not keys:
            return ""
        name = format_key(keys[0])
        return name if self._unicode or name.isascii() else keys[0]
