"""Tests of what a router manages, asked by curl on its host."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Server
from opencoderouter.fleet.actions import routers
from opencoderouter.fleet.actions.routers import Managed
from opencoderouter.fleet.actions.site import Here

ROWS = [
    {"slug": "seen", "project_path": "/srv/seen", "managed": False},
    {"slug": "../../x", "project_path": "/srv/odd", "managed": True},
    {"slug": "app", "project_path": "/srv/app", "managed": True},
    "nonsense",
]


@contextmanager
def router(status: int = 200) -> Iterator[tuple[Place, list[str]]]:
    """Run something like a router; yield it and what it is asked."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(status, ROWS)

        def do_POST(self) -> None:
            self.say(202 if status == 200 else status, {})

        def say(self, code: int, body: object) -> None:
            asked.append(f"{self.command} {self.path}")
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Place(Server(server.server_port), is_router=True), asked
        server.shutdown()
        thread.join()


async def test_find_and_have(box: Box) -> None:
    """A managed directory is found by its path, and its router does as it is asked."""
    with router() as (place, asked):
        here = Here(routers=(place,))
        assert await routers.find(box.site, here, "/srv/seen") is None
        assert await routers.find(box.site, here, "/srv/odd") is None
        found = await routers.find(box.site, here, "/srv/app")
        assert found == Managed(place, "app")
        assert await routers.have(box.site, found, "restart") is None
    assert asked[-1] == "POST /api/backends/app/restart"


async def test_refused(box: Box) -> None:
    """A router that does not let us in manages nothing for us."""
    with router(401) as (place, _):
        assert await routers.find(box.site, Here(routers=(place,)), "/srv/app") is None
        failed = await routers.have(box.site, Managed(place, "app"), "start")
    assert failed == Failed("box: the router there does not start it")


async def test_gone(box: Box) -> None:
    """A router that is gone is none."""
    with router() as (place, _):
        pass
    assert await routers.find(box.site, Here(routers=(place,)), "/srv/app") is None
