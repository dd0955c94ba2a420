"""The screen with a fleet that is made up: ``python -m tests.rig.showroom --hosts 200``.

``--picture docs/fleet.svg`` draws the picture of the documentation anew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from tests.fakes_fleet import FakeControl
from tests.rig.portrait import picture
from tests.rig.roster import made_up, quiet

from opencoderouter.core.fleet.control import Detail, FileChange, Message, Todo
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.watch import Watch
from opencoderouter.wiring.clock import clock

DETAIL = Detail(
    messages=(
        Message("user", "The login form loses what was typed when the session ends. Find out why."),
        Message(
            "assistant",
            "The form is rendered again by the reload in session.ts, before its state is saved.\n"
            "I will keep the state in the URL, and add a test that ends the session meanwhile.",
        ),
    ),
    todo=(
        Todo("Find where the state is lost", "completed"),
        Todo("Keep the state in the URL", "in_progress"),
        Todo("Add a test", "pending"),
    ),
    changes=(FileChange("src/session.ts", 24, 9), FileChange("tests/login.spec.ts", 41, 0)),
)


def main() -> None:
    """Run it until it is left."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=24)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--theme", default="auto")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--still", action="store_true", help="no animation, nothing thinks")
    parser.add_argument("--picture", type=Path, help="draw docs/fleet.svg instead, into this file")
    options = parser.parse_args()
    if options.picture:
        options.picture.write_text(asyncio.run(picture()), encoding="utf-8")
        return
    from opencoderouter.tui.app import FleetApp
    from opencoderouter.tui.themes import Terminal

    fleet = made_up(options.hosts, options.sessions, clock())
    display = Display(theme=options.theme, unicode=not options.ascii, animation=not options.still)
    app = FleetApp(
        Watch(quiet(fleet) if options.still else fleet),
        FakeControl({"detail": DETAIL}),
        Watch(Preferences(display=display)),
        problems=Watch(()),
        clock=clock,
        terminal=Terminal(colour="NO_COLOR" not in os.environ),
    )
    app.run()


if __name__ == "__main__":
    main()
