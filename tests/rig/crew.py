"""Real OpenCode on the hosts of the ``armada``: projects, servers, sessions of its accounts.

The model is ours and outside: the hosts have the network of the tests.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from tests.rig import http
from tests.rig.armada import Armada
from tests.rig.opencode import configuration
from tests.rig.ports import free_port
from tests.rig.sessions import open_session, prompt
from tests.rig.wait import until

WITH_OPENCODE = ("alice", "bob", "carol", "frank", "dan")


@dataclass(slots=True)
class Crew:
    """What can be set up on the hosts. Directories are below the account's home."""

    armada: Armada
    model: str
    started: dict[str, tuple[str, int]] = field(default_factory=dict)  # URL to (user, pid there)

    def project(self, user: str, name: str) -> str:
        """Make a git repository; return its absolute path."""
        folder = shlex.quote(name)
        commit = "git commit -q --allow-empty -m first"
        self.armada.inside(user, f"mkdir -p {folder}; cd {folder}; git init -q; {commit}")
        return f"/home/{user}/{name}"

    def serve(self, user: str, directory: str, *, password: str = "") -> str:
        """Run a server in a directory; return its URL, with a slash at its end."""
        port = free_port()
        secret = f"OPENCODE_SERVER_PASSWORD={shlex.quote(password)} " if password else ""
        command = f"{secret}setsid ~/.opencode/bin/opencode serve --port {port}"
        script = f"cd {shlex.quote(directory)}; {command} >/dev/null 2>&1 & echo $!"
        url = f"http://127.0.0.1:{port}/"
        self.started[url] = user, int(self.armada.inside(user, script))
        until(lambda: http.answers(f"{url}global/health") or (password and _locked(url)))
        return url

    def end(self, url: str) -> None:
        """End a server that was started here."""
        user, pid = self.started.pop(url)
        self.armada.inside(user, f"kill -KILL {pid}")
        until(lambda: not http.answers(f"{url}global/health"))


@contextmanager
def crew(armada: Armada, model: str) -> Iterator[Crew]:
    """Give the accounts a configuration of OpenCode whose model is ours."""
    text = shlex.quote(json.dumps(configuration(model)))
    for user in WITH_OPENCODE:
        folder = "~/.config/opencode"
        armada.inside(user, f"mkdir -p {folder}; printf %s {text} >{folder}/opencode.json")
    result = Crew(armada, model)
    yield result
    for user, pid in result.started.values():
        armada.inside(user, f"kill -KILL {pid} 2>/dev/null || true")


def finished(url: str, text: str, model: str = "echo") -> str:
    """Return the id of a new session that has come to the end of a turn."""
    session = open_session(url)
    prompt(url, session, text, model=model)
    until(lambda: len(http.get(f"{url}session/{session}/message")) > 1)
    until(lambda: session not in http.get(f"{url}session/status"))
    return session


def _locked(url: str) -> bool:
    try:
        return http.request("GET", f"{url}global/health", timeout=1).status == 401
    except (OSError, HTTPException):
        return False
