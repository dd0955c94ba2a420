"""A program that acts as ``opencode`` for actions: quick, and it writes down what it was asked.

It is copied to a ``bin`` folder; its state is ``~/sessions.json``, each call a line of
``~/calls.jsonl``: arguments, directory, and whether a password was there. Standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

HOME = Path(os.environ["HOME"])
STATE = HOME / "sessions.json"
LOCK = Lock()
BUSY: dict[str, dict[str, str]] = {}
ASKS = {"permission": ["per_1"], "question": ["que_1"]}


def main(arguments: list[str]) -> int:
    """Do what the real program does, as far as actions can see."""
    call = {
        "argv": arguments,
        "cwd": str(Path.cwd()),
        "flavour": os.environ.get("FLAVOUR", ""),
        "password": os.environ.get("OPENCODE_SERVER_PASSWORD", ""),
    }
    with (HOME / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")
    command = arguments[0] if arguments else ""
    if command == "serve":
        return serve(arguments)
    if command == "export":
        return export(arguments[1])
    if command == "db":
        say(json.dumps([one for one in load().values() if str(one["id"]) in arguments[1]]))
    if command == "session":
        sessions = load()
        sessions.pop(arguments[2], None)
        store(sessions)
    return 0


def store(sessions: dict[str, dict[str, object]]) -> None:
    """Keep all sessions; whoever reads gets all of it."""
    new = STATE.with_name(f"sessions-{os.getpid()}")
    new.write_text(json.dumps(sessions))
    new.replace(STATE)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def load() -> dict[str, dict[str, object]]:
    """Return all sessions by id."""
    return dict(json.loads(STATE.read_text())) if STATE.exists() else {}


def export(session: str) -> int:
    """Print a session; a file ``torn`` in the home has it end too early."""
    info = load().get(session)
    if info is None:
        return 1
    text = json.dumps({"info": info, "messages": [{"info": {}, "parts": []}]})
    say(text[:-5] if (HOME / "torn").exists() else text)
    return 0


def serve(arguments: list[str]) -> int:
    """Listen; a file ``broken`` in the home keeps it from that."""
    if (HOME / "broken").exists():
        say("Error: the configuration is broken")
        return 1
    port = int(arguments[arguments.index("--port") + 1])
    server = ThreadingHTTPServer(("127.0.0.1", port), Answers)
    server.daemon_threads = True
    say(f"opencode server listening on http://127.0.0.1:{server.server_port}")
    server.serve_forever()
    return 0


class Answers(BaseHTTPRequestHandler):
    """What OpenCode answers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.respond()

    def do_POST(self) -> None:
        """Answer."""
        self.respond()

    def do_PATCH(self) -> None:
        """Answer."""
        self.respond()

    def respond(self) -> None:
        """Answer with JSON."""
        length = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(length) or "{}")
        password = os.environ.get("OPENCODE_SERVER_PASSWORD", "")
        token = base64.b64encode(f"opencode:{password}".encode()).decode()
        if password and self.headers.get("Authorization") != f"Basic {token}":
            status, said = 401, None
        else:
            status, said = answer(self.command, self.path.partition("?")[0], body)
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def answer(method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
    """Return status and JSON."""
    steps = path.strip("/").split("/")
    fixed: dict[str, object] = {
        "GET /global/health": {"healthy": True, "version": "0"},
        "GET /session/status": BUSY,
        "GET /agent": [{"name": "build", "mode": "primary"}, {"name": "sub", "mode": "subagent"}],
        "POST /global/dispose": True,
        **{f"GET /{kind}": [{"id": one} for one in ids] for kind, ids in ASKS.items()},
    }
    if f"{method} {path}" in fixed:
        return 200, fixed[f"{method} {path}"]
    if steps[0] in ASKS:
        ASKS[steps[0]].remove(steps[1])
        (HOME / "replies.jsonl").open("a").write(json.dumps([path, body]) + "\n")
        return 200, True
    return of_session(method, steps[1:], body)


def of_session(method: str, steps: list[str], body: dict[str, object]) -> tuple[int, object]:
    """Make, show, change, prompt or stop a session; one that was prompted is busy until then."""
    with LOCK:
        return change(load(), method, steps, body)


def change(
    sessions: dict[str, dict[str, object]], method: str, steps: list[str], body: dict[str, object]
) -> tuple[int, object]:
    """Do that; nobody else does meanwhile."""
    if method == "GET" and not steps:  # a router that looks at every server asks this
        return 200, list(sessions.values())
    if not steps:
        info = {"id": f"ses_{time.time_ns():x}", "directory": str(Path.cwd()), **body}
        store({**sessions, str(info["id"]): info})
        return 200, info
    name, *verb = steps
    if name not in sessions:
        return 404, {"name": "NotFoundError", "data": {"message": f"not found: {name}"}}
    if verb == ["prompt_async"]:
        BUSY[name] = {"type": "busy"}
        sessions[name]["prompt"] = body
    elif verb == ["abort"]:
        BUSY.pop(name, None)
    elif verb == ["message"]:
        return 200, [sessions[name]] if "prompt" in sessions[name] else []
    elif method == "PATCH":
        sessions[name].update(body)
    store(sessions)
    return 200, sessions[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
