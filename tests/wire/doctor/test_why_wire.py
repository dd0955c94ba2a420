"""Real connections of ``why``; ``tests/wire/cli/test_why.py`` and the LAN's tests do the rest."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.rig.ports import free_port

from opencoderouter.doctor.hop import Connected, Said, Silent
from opencoderouter.doctor.target import Target
from opencoderouter.doctor.why_wire import Network, Own

OK = b"HTTP/1.1 200 OK\r\nServer: x\x1b\r\nContent-Length: %d\r\n\r\n%b"


@contextmanager
def saying(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Say these, one to a connection each; yield the port, and what was heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                line, _ = server.accept()
                with line:
                    heard.append(line.recv(4096))
                    line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(30)


def said(body: object) -> bytes:
    """Return an answer."""
    data = json.dumps(body).encode()
    return OK % (len(data), data)


def test_an_answer() -> None:
    """Its status, its JSON and its server come back; the Host field is the one that was given."""
    with saying(said({"healthy": True})) as (port, heard):
        wire = Network(Own(port))
        answer = wire.ask("127.0.0.1", Target("http", "shop", port), "/x", host="shop:1")
    assert isinstance(answer, Said)
    assert (answer.status, answer.body, answer.server) == (200, {"healthy": True}, "x\\x1b")
    assert b"\r\nHost: shop:1\r\n" in heard[0]
    assert b"Authorization" not in heard[0]


def test_what_is_shown_to_the_own_router() -> None:
    """A secret goes to our own user's socket on the router's port."""
    with saying(said([])) as (port, heard):
        wire = Network(Own(port, lambda: "a-secret"))
        target = Target("http", "localhost", port)
        assert wire.ask("127.0.0.1", target, "/", host="localhost", show=True) is not None
    assert b"Authorization: Bearer a-secret\r\n" in heard[0]


def test_what_is_shown_to_nobody_else() -> None:
    """On any other port nothing is shown, whoever has it: nothing is even asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wire = Network(Own(port + 1, lambda: pytest.fail("it was read")))
        target = Target("http", "localhost", port)
        assert wire.ask("127.0.0.1", target, "/", host="localhost", show=True) is None


def test_a_redirect_is_not_followed() -> None:
    """Who sends one elsewhere is answered for with that."""
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    with saying(answer) as (port, _):
        got = Network(Own(port)).ask("127.0.0.1", Target("http", "a", port), "/", host="a")
    assert isinstance(got, Said)
    assert got.status == 302


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200"])
def test_what_is_no_answer(answer: bytes) -> None:
    """Whatever comes, it is told why it is none."""
    with saying(answer) as (port, _):
        got = Network(Own(port)).ask("127.0.0.1", Target("http", "a", port), "/", host="a")
    assert isinstance(got, Silent | Said)
    assert isinstance(got, Silent) == (answer != b"HTTP/1.1 200")


def test_the_first_address_that_takes_it() -> None:
    """Those before it are told, too."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        found = Network(Own(1)).connect(("127.0.0.2", "127.0.0.1"), port)
    assert isinstance(found, Connected)
    assert found.address == "127.0.0.1"
    assert [one.kind for one in found.failed] == ["refused"]


def test_the_time_is_bounded() -> None:
    """When the time is over, nothing waits any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wire = Network(Own(port), within=0.0)
        got = wire.ask("127.0.0.1", Target("http", "a", port), "/", host="a")
    assert got == Silent("no answer in time")
