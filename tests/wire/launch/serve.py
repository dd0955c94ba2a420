"""A program in place of ``opencode``: ``python serve.py [HABIT]... serve --hostname H --port N``.

Habits: ``deaf`` (ignores SIGTERM), ``tool`` (has a tool in a session of its own), ``bare`` (one
without any environment), ``forgotten`` (one whose parent has ended), ``crash`` (ends with status 7
at once), ``crash-once``, ``noisy`` (prints 20 MB first), ``mute`` (never listens), ``also=PORT``
(listens there, too). What it is asked for without the password of its environment it refuses.
"""
# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

HABITS = set(sys.argv[1:-5])
HOST, PORT = sys.argv[-3], int(sys.argv[-1])
SLEEP = "sleep 1000 & exec sleep 1000"
TOOLS = {"tool": SLEEP, "bare": SLEEP, "forgotten": "setsid sleep 1000 & exit"}

PASSWORD = os.environ.get("OPENCODE_SERVER_PASSWORD", "")
USER = os.environ.get("OPENCODE_SERVER_USERNAME", "opencode")
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"

RUNNING: list[subprocess.Popen[bytes]] = []


class Handler(BaseHTTPRequestHandler):
    """Speaks what a launcher asks for, and keeps a record of what it was told to do."""

    def do_GET(self) -> None:
        """Say who is there, and that nothing goes on."""
        if self.refused():
            return
        known = {
            "/global/health": {"healthy": True, "version": "1"},
            "/path": {"directory": str(Path.cwd())},
            "/session/status": {},
        }
        self.answer(known.get(self.path, []))

    def do_POST(self) -> None:
        """Take it down, and end the tools that are known, as OpenCode does."""
        if self.refused():
            return
        for tool in RUNNING:
            tool.kill()
        with Path("told").open("a") as record:
            record.write(f"{self.path}\n")
        self.answer(said=True)

    def refused(self) -> bool:
        """Ask for the password, as OpenCode does."""
        if not PASSWORD or self.headers["Authorization"] == BASIC:
            return False
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="Secure Area"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def answer(self, said: object) -> None:
        """Send JSON."""
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def speak() -> None:
    """Print as much as is the habit."""
    print("\x1b[1mhello\x1b[0m", flush=True)
    if "noisy" in HABITS:
        for number in range(20_000):
            print(f"{number:06}", "x" * 1000)
        print("done", flush=True)


def work() -> None:
    """Start tools."""
    for habit in sorted(HABITS & TOOLS.keys()):
        environment: dict[str, str] | None = {} if habit == "bare" else None
        command = ["/bin/sh", "-c", TOOLS[habit]]
        RUNNING.append(subprocess.Popen(command, env=environment, start_new_session=True))


def listen(port: int) -> None:
    """Serve one more port."""
    Thread(target=ThreadingHTTPServer((HOST, port), Handler).serve_forever).start()


def main() -> None:
    """Live by the habits."""
    speak()
    if "crash" in HABITS or ("crash-once" in HABITS and not Path("started").exists()):
        Path("started").touch()
        print("boom", file=sys.stderr)
        sys.exit(7)
    if "deaf" in HABITS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work()
    if "mute" in HABITS:
        signal.pause()
    for habit in HABITS:
        if habit.startswith("also="):
            listen(int(habit[5:]))
    listen(PORT)


main()
