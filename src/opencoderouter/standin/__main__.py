"""``python -m opencoderouter.standin serve --hostname H --port N``, in a project's directory.

As OpenCode does, it wants the password of its environment, if there is one.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from aiohttp import web

from opencoderouter.standin.app import application

_TURN = 0.5  # seconds: long enough to see a session busy


def main() -> None:
    """Serve the working directory until a signal ends the process, at once, as it ends OpenCode."""
    parser = argparse.ArgumentParser(prog="standin", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--hostname", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4096)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    password = os.environ.get("OPENCODE_SERVER_PASSWORD")
    username = os.environ.get("OPENCODE_SERVER_USERNAME") or "opencode"
    web.run_app(
        application(
            str(Path.cwd()),
            clock=lambda: time.time_ns() // 1_000_000,
            pause=_TURN,
            credentials=(username, password) if password else None,
        ),
        host=options.hostname,
        port=options.port,
        handle_signals=False,
        access_log=None,
        print=lambda _: _announce(options.hostname, options.port),
    )


def _announce(hostname: str, port: int) -> None:
    print(f"opencode server listening on http://{hostname}:{port}", flush=True)  # noqa: T201 - what launchers wait for


if __name__ == "__main__":
    main()
