"""How roles look: our themes, Textual's by name, and one without any colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import Role

AUTO, MINIMAL = "auto", "minimal"
_CURSOR = 0.28  # how much of the accent is behind what is selected
_DIM = 0.45  # how far dim text is from the background's opposite


def _ours(name: str, colours: str, *, dark: bool) -> Theme:
    back, panel, text, accent, good, warn, bad, edge = colours.split()
    cursor = Color.parse(back).blend(Color.parse(accent), _CURSOR).hex
    return Theme(
        name,
        primary=accent,
        secondary=accent,
        accent=accent,
        success=good,
        warning=warn,
        error=bad,
        foreground=text,
        background=back,
        surface=panel,
        panel=panel,
        dark=dark,
        variables={
            "border": accent,
            "border-blurred": edge,
            "block-cursor-background": cursor,
            "block-cursor-foreground": text,
        },
    )


NIGHTOPS = _ours(
    "nightops", "#05070D #0D1424 #D9E6FF #58D9FF #5DF2A3 #FFC66B #FF6B8A #24344F", dark=True
)
LIGHT = _ours(
    "light", "#F8FAFC #E7EDF7 #1A2940 #005FCC #008F5A #9A5B00 #CC2B42 #B9C7DC", dark=False
)
# No colour but the terminal's two: what matters is bold, dim, underlined or reversed.
PLAIN = Theme(
    MINIMAL,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    success="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    ansi=True,
    variables=dict.fromkeys(
        "ansi-background ansi-foreground border border-blurred block-cursor-background "
        "block-cursor-foreground block-hover-background footer-key-foreground "
        "input-cursor-background input-cursor-foreground input-selection-background "
        "input-selection-foreground link-background-hover link-color link-color-hover "
        "screen-selection-background screen-selection-foreground scrollbar scrollbar-active "
        "scrollbar-background scrollbar-background-active scrollbar-background-hover "
        "scrollbar-hover".split(),
        "ansi_default",
    )
    | {"block-cursor-text-style": "bold underline", "input-selection-text-style": "reverse"},
)
OURS = (NIGHTOPS, LIGHT, PLAIN)
NAMES = (AUTO, *(theme.name for theme in OURS), *BUILTIN_THEMES)


def chosen(name: str, *, dark: bool) -> str:
    """Return the theme of a name: ``auto`` follows the terminal, an unknown one is ``auto``."""
    if name == AUTO or name not in NAMES:
        return NIGHTOPS.name if dark else LIGHT.name
    return name


@dataclass(frozen=True, slots=True)
class Look:
    """The styles of roles, of the selected row with and without the keyboard, of what is behind.

    ``bar`` is behind the first and the last line, ``ground`` behind the rest.
    """

    roles: Mapping[Role, Style]
    cursor: Style
    cursor_blurred: Style
    ground: Style
    bar: Style


def look(theme: Theme) -> Look:
    """Return how a theme draws; the plain one by attributes only."""
    if theme.name == MINIMAL:
        return _PLAIN_LOOK
    named = theme.to_color_system().generate()

    def colour(name: str) -> Color:
        return Color.parse(getattr(theme, name) or named[name])  # as written, not as computed

    front, back, accent = colour("foreground"), colour("background"), colour("accent")
    roles = {
        Role.TEXT: _style(front),
        Role.STRONG: _style(front, bold=True),
        Role.DIM: _dim(front, back),
        Role.ACCENT: _style(accent),
        Role.GOOD: _style(colour("success")),
        Role.WARN: _style(colour("warning")),
        Role.BAD: _style(colour("error")),
        Role.MATCH: _style(accent, bold=True, underline=True),
    }
    if theme.ansi:
        return Look(roles, Style(reverse=True), Style(bold=True), Style(), Style())
    cursor, blurred = back.blend(accent, _CURSOR, alpha=1), back.blend(accent, 0.12, alpha=1)
    return Look(
        roles,
        Style(bgcolor=cursor.rich_color, bold=True),
        Style(bgcolor=blurred.rich_color),
        Style(bgcolor=back.rich_color),
        Style(bgcolor=colour("panel").rich_color),
    )


def _style(color: Color, *, bold: bool | None = None, underline: bool | None = None) -> Style:
    return Style(color=color.rich_color, bold=bold, underline=underline)


def _dim(front: Color, back: Color) -> Style:
    if front.ansi is not None or back.ansi is not None:
        return Style(dim=True)
    return _style(front.blend(back, _DIM, alpha=1))


_PLAIN_LOOK = Look(
    {
        Role.TEXT: Style(),
        Role.STRONG: Style(bold=True),
        Role.DIM: Style(dim=True),
        Role.ACCENT: Style(bold=True),
        Role.GOOD: Style(),
        Role.WARN: Style(bold=True),
        Role.BAD: Style(bold=True),
        Role.MATCH: Style(bold=True, underline=True),
    },
    Style(reverse=True),
    Style(underline=True),
    Style(),
    Style(),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """How the screen looks: the theme by name, its styles, and what the terminal can show."""

    theme: str
    look: Look
    display: Display

    @property
    def plain(self) -> bool:
        """Tell whether only ASCII is drawn."""
        return not self.display.unicode


@dataclass(frozen=True, slots=True)
class Terminal:
    """What is known of the terminal; ``colour`` is False where nobody wants any (NO_COLOR)."""

    dark: bool = True
    colour: bool = True


def setting(display: Display, terminal: Terminal) -> Setting:
    """Return what preferences and terminal come to. Without colour all themes are the plain one."""
    name = chosen(display.theme, dark=terminal.dark)
    by_name = {**BUILTIN_THEMES, **{theme.name: theme for theme in OURS}}
    shown = replace(display, unicode=display.unicode and name != MINIMAL)
    theme = by_name[name if terminal.colour else MINIMAL]
    return Setting(theme.name, look(theme), shown)
