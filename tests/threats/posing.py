"""Somebody who has the port of a router that is down."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Mapping

from tests.rig.ports import free_port
from tests.rig.router import COMMAND
from tests.rig.stranger import UID, heard, stranger
from tests.threats.row import Row
from tests.threats.world import World

_POSING = """
import http.server, json, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(json.dumps([self.path, str(self.headers)]), flush=True)
        body = b'{"healthy": true}'
        self.send_response(200 if self.path == "/api/health" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
print("listening", flush=True)
server.serve_forever()
"""


def _poses(world: World) -> None:
    port = free_port()
    secrets = {"OCR_PASSWORD": "my-own-password", "OCR_TOKEN": "ocrt_of-mine"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OCR_")}
    places = {"OCR_STATE_DIR": str(world.folder / "posed"), "OCR_PORT": str(port)}
    mine = {**kept, **places, **secrets, "OCR_AUTH": "always"}
    url = f"http://localhost:{port}"
    orders = ("doctor --only router", f"why {url}", "browse", f"browse --router {url}")
    with stranger(UID, _POSING, port) as other:
        assert heard(other) == "listening"
        for order in orders:
            command = [str(COMMAND), *order.split()]
            done = subprocess.run(
                command, env=mine, capture_output=True, text=True, check=False, timeout=60
            )
            assert done.returncode == 1, done
        _follow(mine, url)
        other.kill()
        said = [json.loads(line) for line in (other.stdout or ())]
    assert {"/api/health", "/api/peers", "/api/events"} <= {path for path, _ in said}
    shown = [*secrets.values(), b64encode(f"opencode:{secrets['OCR_PASSWORD']}".encode()).decode()]
    assert [fields for _, fields in said if any(one in fields for one in shown)] == []


def _follow(environment: Mapping[str, str], url: str) -> None:
    """Run the DNS sidecar, for the own router and for that URL, until it says that it is none."""
    for more in ((), ("--router", url)):
        listen = ("--listen", f"127.0.0.1:{free_port()}", "--mdns=false")
        with subprocess.Popen(
            [COMMAND, "dns", *listen, *more],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as sidecar:
            assert sidecar.stderr is not None
            assert any("no router to follow" in line for line in sidecar.stderr)
            sidecar.terminate()


ROWS = (
    Row(
        "local-poses-as-router",
        "another user of the machine",
        "the router's port, while it is down",
        "the password or a token from `doctor`, `why`, `dns`, `browse`",
        _poses,
        ("stranger",),
    ),
)
