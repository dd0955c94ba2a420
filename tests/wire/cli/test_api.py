"""What the command line says of a router that is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from opencoderouter.cli.api import NoRouter, call
from opencoderouter.cli.failure import Failure


class Answer(BaseHTTPRequestHandler):
    """Answers by path: ``/STATUS/BODY``."""

    def do_GET(self) -> None:
        """Answer."""
        _, status, body = self.path.split("/", 2)
        self.send_response(int(status))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """Return the address of a server that is no router."""
    with HTTPServer(("127.0.0.1", 0), Answer) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/200/hello", "/404/nothing", "/500/[]", "/404/{}"])
def test_another_server_is_no_router(server: str, path: str) -> None:
    """Whatever it answers, it is told that it is not a router."""
    with pytest.raises(NoRouter, match="what answers there is not a router"):
        call(server, path)


def test_a_refusal_is_told_in_its_own_words(server: str) -> None:
    """Detail and hint of the API's error are what the user reads."""
    with pytest.raises(Failure, match=r"^Gone\. Look\.$"):
        call(server, '/409/{"detail":"Gone.","hint":"Look."}')
