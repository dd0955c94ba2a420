"""What goes beyond a limit is refused with 503 and Retry-After; who is in is served on."""

from __future__ import annotations

import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import pytest
from tests.load.conftest import Note
from tests.rig.guest import Way
from tests.rig.router import Router, router
from tests.rig.troupe import serving
from tests.rig.visits import UPGRADE
from tests.rig.wait import until

pytestmark = pytest.mark.timeout(240)
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = 30.0  # seconds that only a hang takes
HERE, THERE = "127.0.2.1", "127.0.3.1"
FILES = 100
LOOKS = 1.0  # seconds in which the router looks at the kernel a few times


@dataclass(frozen=True, slots=True)
class House:
    """A router with a project that is up all the time, and the connections that are held."""

    router: Router
    project: str
    held: ExitStack

    def ask(self, path: str, *fields: str) -> bytes:
        """Return a request to the project."""
        way = Way(self.project, self.router.port, by_host=True)
        target = f"/proof/{path}?request=r1&size=10"
        return way.head("GET", target, "X-Request: r1", *fields)

    def connect(self, peer: str = HERE) -> socket.socket:
        """Connect from an address, and hold it."""
        return self.held.enter_context(self._connected(peer))

    def answers(self, request: bytes, peer: str = HERE) -> int | None:
        """Return the status that somebody who stays for one request only gets, if any."""
        with self._connected(peer) as newcomer:
            return outcome(newcomer, request)

    def is_well(self) -> bool:
        """Tell whether newcomers are answered by the router and by the project."""
        return [self.answers(HEALTH), self.answers(self.ask("text"))] == [200, 200]

    def _connected(self, peer: str) -> socket.socket:
        address = ("127.0.0.1", self.router.port)
        return socket.create_connection(address, LONG, source_address=(peer, 0))


Build = Callable[..., AbstractContextManager[House]]


@pytest.fixture
def build(environment: dict[str, str], tmp_path: Path) -> Build:
    """Return what runs a house with some settings; in the end it is well, and has been."""

    @contextmanager
    def running(*by: str, **settings: object) -> Iterator[House]:
        flags = {f"OCR_{name.upper()}": str(value) for name, value in settings.items()}
        directory, log = tmp_path / f"house-{secrets.token_hex(3)}", tmp_path / "log"
        directory.mkdir()
        with router([], environment=environment | flags, log=log, by=by) as it:
            with serving(directory, it.scan[0]), ExitStack() as held:
                it.ready(directory)
                house = House(it, directory.name, held)
                yield house
                held.close()
                until(house.is_well, what=log.read_text)
            assert it.process.poll() is None
        assert "Traceback" not in log.read_text()

    return running


def test_connections(build: Build) -> None:
    """One connection more than may be is refused whoever it is; those that are in go on."""
    with build(max_connections=40) as house:
        until(house.is_well)
        guests = [house.connect(f"127.0.2.{number}") for number in range(1, 41)]
        assert {answer(guest, house.ask("text")).status for guest in guests} == {200}
        for peer in (HERE, THERE):
            assert_refused(house.connect(peer), house.ask("text"))
        assert {answer(guest, house.ask("text")).status for guest in guests} == {200}
        guests[7].close()
        until(lambda: house.answers(house.ask("text")) == 200)


def test_connections_of_an_address(build: Build) -> None:
    """An address has a limit of its own; the others do not feel it."""
    with build(max_connections_per_address=10) as house:
        until(house.is_well)
        guests = [house.connect(HERE) for _ in range(10)]
        assert {answer(guest, house.ask("text")).status for guest in guests} == {200}
        assert_refused(house.connect(HERE), house.ask("text"))
        assert house.answers(house.ask("text"), THERE) == 200
        assert {answer(guest, house.ask("text")).status for guest in guests} == {200}
        guests[3].close()
        until(lambda: house.answers(house.ask("text"), HERE) == 200)


def test_websockets(build: Build) -> None:
    """One WebSocket too many is refused, plain requests are not; a closed one makes room."""
    with build(max_websockets=5) as house:
        upgrade = house.ask("socket", *UPGRADE)
        guests = [house.connect() for _ in range(5)]
        assert {answer(guest, upgrade).status for guest in guests} == {101}
        refusal = answer(house.connect(), upgrade)
        assert (refusal.status, refusal.getheader("Retry-After", "").isdigit()) == (503, True)
        assert house.is_well()
        guests[2].close()
        until(lambda: house.answers(upgrade) == 101)


@pytest.mark.parametrize("path", ["text", "events"])
def test_too_few_files(build: Build, note: Note, path: str) -> None:
    """A router without a file left refuses at once, serves who is in, and recovers."""
    with build("prlimit", f"--nofile={FILES}", api_rate=1_000_000) as house:
        inside = house.connect()
        assert answer(inside, house.ask("text")).status == 200
        outcomes = [outcome(house.connect(), house.ask(path)) for _ in range(2 * FILES)]
        assert outcomes[:5] == [200] * 5
        assert set(outcomes) <= {200, 503, None}
        said = ", ".join(f"{count} got {what}" for what, count in Counter(outcomes).items())
        note(f"limits: with {FILES} files, asked for {path}", said)
        assert outcomes[-1] != 200
        end = time.monotonic() + LOOKS
        while time.monotonic() < end:
            assert answer(inside, HEALTH).status in {200, 503}
            assert answer(inside, house.ask("text")).status in {200, 503}
        assert house.router.process.poll() is None


def answer(guest: socket.socket, request: bytes) -> HTTPResponse:
    """Return what is answered; a stream is not read. Raises HTTPException when nothing comes."""
    with suppress(ConnectionError):  # refused before it was sent: the refusal can be read
        guest.sendall(request)
    with HTTPResponse(guest, method="GET") as response:
        response.begin()
        if b"/proof/events" not in request:
            response.read()
        return response


def outcome(guest: socket.socket, request: bytes) -> int | None:
    """Return the status of an answer; None when the connection was closed instead."""
    try:
        return answer(guest, request).status
    except (ConnectionError, HTTPException):
        return None


def assert_refused(guest: socket.socket, request: bytes) -> None:
    """Assert that a connection is told to come again later, and closed."""
    refusal = answer(guest, request)
    assert refusal.status == 503
    assert refusal.getheader("Retry-After", "").isdigit()
    assert refusal.getheader("Connection", "").lower() == "close"
    with suppress(ConnectionResetError):
        assert guest.recv(1) == b""
