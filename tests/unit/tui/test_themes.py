"""How roles look."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import Role
from opencoderouter.tui.themes import NAMES, Terminal, chosen, setting

DARK, BRIGHT = Terminal(), Terminal(dark=False)


@pytest.mark.parametrize("name", NAMES)
def test_each_theme(name: str) -> None:
    """Every theme draws all roles, and tells the selected row apart."""
    look = setting(Display(theme=name), DARK).look
    assert set(look.roles) == set(Role)
    assert look.cursor not in (look.ground, look.cursor_blurred)


def test_auto() -> None:
    """``auto`` follows the terminal; a theme that is none is as good as ``auto``."""
    assert (chosen("auto", dark=True), chosen("auto", dark=False)) == ("nightops", "light")
    assert chosen("none", dark=False) == "light"
    assert chosen("dracula", dark=False) == "dracula"


def test_the_originals_colours() -> None:
    """Night Ops and Light have the colours of the original program."""
    night = setting(Display(theme="nightops"), DARK).look
    assert str(night.ground) == "on #05070d"
    assert str(night.bar) == "on #0d1424"
    assert [str(night.roles[role]) for role in (Role.TEXT, Role.ACCENT, Role.GOOD, Role.BAD)] == [
        "#d9e6ff",
        "#58d9ff",
        "#5df2a3",
        "#ff6b8a",
    ]
    light = setting(Display(theme="light"), DARK).look
    assert [str(light.roles[role]) for role in (Role.TEXT, Role.ACCENT, Role.GOOD, Role.BAD)] == [
        "#1a2940",
        "#005fcc",
        "#008f5a",
        "#cc2b42",
    ]


def test_minimal() -> None:
    """The minimal theme is ASCII and without colour."""
    shown = setting(Display(theme="minimal"), BRIGHT)
    assert shown.plain
    assert all(style.color is None and style.bgcolor is None for style in shown.look.roles.values())


def test_no_colour() -> None:
    """Without colour a theme keeps its signs and loses its colours."""
    shown = setting(Display(theme="nightops"), Terminal(colour=False))
    assert not shown.plain
    assert shown.look == setting(Display(theme="minimal"), DARK).look


def test_unicode() -> None:
    """``unicode: false`` holds in every theme."""
    assert setting(Display(theme="nightops", unicode=False), DARK).plain
