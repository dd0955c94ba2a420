"""All deeds, for the screen that has the rows."""

from __future__ import annotations

from opencoderouter.core.fleet.preferences import KEYS
from opencoderouter.tui.doing import Doing
from opencoderouter.tui.main import Main
from opencoderouter.tui.moving import Moving


def actions(*kinds: type) -> set[str]:
    """Return the actions that these classes define themselves."""
    names = {name for kind in kinds for name in vars(kind)}
    return {name.removeprefix("action_") for name in names if name.startswith("action_")}


def ours(kind: type) -> list[type]:
    """Return a class and those that it is made of, without Textual's."""
    return [one for one in kind.__mro__ if one.__module__.startswith("opencoderouter.")]


def test_every_key_has_somebody_who_does_it() -> None:
    """Whatever a key can be given to is there on the main screen."""
    assert set(KEYS) <= actions(*ours(Main))


def test_every_deed_has_a_key() -> None:
    """No deed is there that nobody can ask for; Enter is shared with what opens and closes."""
    deeds = actions(*ours(Doing))
    assert deeds <= set(KEYS)
    assert deeds & actions(Main, Moving) == {"attach"}
