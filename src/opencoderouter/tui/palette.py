"""The command palette: the actions, the theme, and every host and project by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textual.command import DiscoveryHit, Hit, Hits, Matcher, Provider
from textual.content import Content
from textual.markup import escape

from opencoderouter.core.fleet.keys import ACTIONS
from opencoderouter.core.fleet.model import HostRef, ProjectRef, Target
from opencoderouter.core.fleet.refs import directory_of
from opencoderouter.core.printable import printable
from opencoderouter.tui.deeds.desk import Desk
from opencoderouter.tui.keymap import key_name

_KEYS_ONLY = frozenset(
    {"up", "down", "expand", "collapse", "toggle", "panel_up", "panel_down"}
)  # nobody opens the palette to go one row down


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the palette. ``name`` and ``effect`` are plain text."""

    name: str
    effect: str
    run: Callable[[], object]

    def shown(self) -> DiscoveryHit:
        """Return it for the list without a query."""
        return DiscoveryHit(Content(self.name), self.run, text=self.name, help=escape(self.effect))

    def hit(self, matcher: Matcher) -> Hit | None:
        """Return it, if it matches a query, with the matching letters marked."""
        score, letters = matcher.fuzzy_search.match(matcher.query, self.name)
        if score <= 0:
            return None
        display = Content(self.name)
        for at in letters:
            if not self.name[at].isspace():
                display = display.stylize(matcher.match_style, at, at + 1)
        return Hit(score, display, self.run, text=self.name, help=escape(self.effect))


class Palette(Provider):
    """What the main screen can do."""

    async def discover(self) -> Hits:
        """Yield the actions."""
        for command in self._actions():
            yield command.shown()

    async def search(self, query: str) -> Hits:
        """Yield the actions, hosts and projects that match."""
        matcher = self.matcher(query)
        for command in (*self._actions(), *self._places()):
            if (hit := command.hit(matcher)) is not None:
                yield hit

    def _actions(self) -> Iterator[Command]:
        screen = self.screen
        if isinstance(screen, Desk):
            for action in (one for one in ACTIONS if one not in _KEYS_ONLY):
                name, effect = ACTIONS[action]
                keys = _keys(screen, action)
                run = _running(screen, action)
                yield Command(f"{name}  ({keys})" if keys else name, effect, run)
        yield Command("Theme", "Change the colours until the end", self.app.action_change_theme)

    def _places(self) -> Iterator[Command]:
        screen = self.screen
        if not isinstance(screen, Desk):
            return
        for alias, entry in screen.program.fleet.value.entries.items():
            host = printable(entry.host.name)
            yield Command(f"Go to {host}", "Host", _revealing(screen, HostRef(alias)))
            for directory in sorted({*map(directory_of, entry.sessions)}):
                target = ProjectRef(alias, directory)
                name = f"Go to {printable(directory)} on {host}"
                yield Command(name, "Project", _revealing(screen, target))


def _keys(screen: Desk, action: str) -> str:
    return " ".join(key_name(key, unicode=screen.look().unicode) for key in screen.keys_of(action))


def _running(screen: Desk, action: str) -> Callable[[], object]:
    return lambda: screen.run_action(action)


def _revealing(screen: Desk, target: Target) -> Callable[[], object]:
    return lambda: screen.reveal(target)
