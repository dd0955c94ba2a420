"""All deeds (sessions, places, telling), for the screen that has the rows."""

from __future__ import annotations

from opencoderouter.tui.deeds.telling import Telling


class Doing(Telling):
    """Mixed into ``Main``: ``action_NAME`` for each key that asks something of the fleet."""
