"""The prober: what the registry is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.fakes import SECURE_AREA, as_json, http, opencode, serving

from opencoderouter.core.model import Backend, Identity, Kind, Listener, Sessions, Status
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.census import Candidate
from opencoderouter.scan.learn import State
from opencoderouter.scan.prober import Prober

APP = Identity("/srv/app", "1.18.33")


@pytest.fixture
def registry() -> Registry:
    """Return an empty registry."""
    return Registry()


@pytest.fixture
async def prober(registry: Registry) -> AsyncIterator[Prober]:
    """Return a prober that tells this registry."""
    async with Client(timeout=20) as client:
        yield Prober(registry, client, interval=5)


def candidate(port: int, pid: int = 7) -> Candidate:
    """Return an OpenCode process's socket."""
    return Candidate(Listener("127.0.0.1", port, 1000, port, pid, Kind.SERVE), "/srv/app")


def state(port: int, status: Status, pid: int = 7) -> State:
    """Return the state of a backend."""
    return State(Backend(candidate(port, pid).listener, APP, status), 5)


def statuses(registry: Registry) -> dict[int, Status]:
    """Return what is in the table."""
    return {b.listener.port: b.status for b in registry.table.backends()}


READY, STARTING, FAILED = Status.READY, Status.STARTING, Status.FAILED


async def test_publish(
    prober: Prober, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """All goes into one change; what is no backend goes out; each new status is logged once."""
    caplog.set_level(logging.INFO)
    states = {candidate(1, 1): state(1, READY, 1), candidate(2, 2): state(2, FAILED, 2)}
    prober.publish(states)
    prober.publish(states)
    assert statuses(registry) == {1: READY, 2: FAILED}
    assert registry.table.version == 1
    prober.publish({candidate(2, 2): State()})
    prober.forget(candidate(1, 1))
    prober.forget(candidate(1, 1))
    assert statuses(registry) == {}
    assert [line.partition(" port=")[0] for line in caplog.messages] == [
        "backend status=ready",
        "backend status=failed",
        "backend gone",
        "backend gone",
    ]


async def test_log_keeps_its_lines(prober: Prober, caplog: pytest.LogCaptureFixture) -> None:
    """A directory may have a newline in its name: the log tells of it on one line."""
    caplog.set_level(logging.INFO)
    odd = Backend(candidate(1).listener, Identity("/srv/ä\nb\x1b", "1"), FAILED, "a\nb")
    prober.publish({candidate(1): State(odd)})
    assert caplog.messages == [
        "backend status=failed port=1 pid=7 directory=/srv/ä\\nb\\x1b reason=a\\nb"
    ]


async def test_second_socket(prober: Prober, registry: Registry) -> None:
    """A silent socket of a process whose server is known is not a server that starts."""
    prober.publish({candidate(1): state(1, STARTING), candidate(2): state(2, STARTING)})
    assert statuses(registry) == {1: STARTING, 2: STARTING}
    prober.publish({candidate(2): state(2, READY)})
    prober.publish({candidate(1): state(1, STARTING)})
    assert statuses(registry) == {2: READY}
    prober.publish({candidate(3): state(3, STARTING), candidate(4, 8): state(4, STARTING, 8)})
    assert statuses(registry) == {2: READY, 4: STARTING}


async def test_second_socket_in_one_batch(prober: Prober, registry: Registry) -> None:
    """The same when both are found together."""
    prober.publish({candidate(1): state(1, STARTING), candidate(2): state(2, READY)})
    assert statuses(registry) == {2: READY}


async def test_last_seen(prober: Prober) -> None:
    """Only an answer is a sign of life."""
    async with serving(opencode("/srv/app")) as server:
        who = candidate(server.port)
        first = await prober.probe(who, State())
        assert first.backend is not None
        seen = prober.last_seen(first.backend)
        assert datetime.now(UTC) >= seen
        assert prober.last_seen(first.backend) == seen
        server.reply = lambda _: b""
        silent = await prober.probe(who, first)
        assert silent.backend is not None
        assert (silent.backend.status, prober.last_seen(silent.backend)) == (Status.BUSY, seen)
    prober.forget(who)
    assert prober.last_seen(first.backend) > seen


async def test_known_servers_are_asked_little(prober: Prober) -> None:
    """Who is known says no more than that it is well: the path would load its project."""
    async with serving(opencode("/srv/app")) as server:
        who = candidate(server.port)
        state = await prober.probe(who, State())
        asked = len(server.lines)
        again = await prober.probe(who, state)
        assert again == state
        assert server.lines[asked:] == ["GET /global/health"]


async def test_locked_and_not_seen(prober: Prober, caplog: pytest.LogCaptureFixture) -> None:
    """A server that wants a password is not said to be something else where nobody can tell."""
    async with serving(lambda _: http(401, "", www_authenticate=SECURE_AREA)) as server:
        who = Candidate(Listener("127.0.0.1", server.port, 1000, 1))
        assert (await prober.probe(who, State())).backend is None
    (line,) = caplog.messages
    assert "not an OpenCode process" not in line
    assert "cannot be seen from here" in line
    assert line.endswith(f"--backend NAME=http://opencode:PASSWORD@127.0.0.1:{server.port}")


async def test_count(prober: Prober) -> None:
    """Sessions are counted of servers that are ready, and kept when they cannot be."""
    async with serving(opencode("/srv/app", session=as_json([{}]))) as server:
        found = await prober.count(await prober.probe(candidate(server.port), State()))
        assert found.backend is not None
        assert found.backend.sessions == Sessions(1, 0)
        server.reply = lambda _: b""
        assert await prober.count(found) == found
        asked = len(server.asked)
        starting = state(server.port, STARTING)
        assert await prober.count(starting) == starting
        assert await prober.count(State()) == State()
        assert len(server.asked) == asked


async def test_a_server_that_tells_its_sessions_is_well(prober: Prober) -> None:
    """It is asked nothing else, and has been seen; its state is the same while they are."""
    async with serving(opencode("/srv/app", session=as_json([{}]))) as server:
        first = await prober.count(await prober.probe(candidate(server.port), State()))
        assert first.backend is not None
        seen, asked = prober.last_seen(first.backend), len(server.lines)
        assert await prober.look(first) is first
        assert [line.partition("?")[0] for line in server.lines[asked:]] == [
            "GET /session/status",
            "GET /session",
        ]
        assert prober.last_seen(first.backend) > seen
        server.reply = opencode("/srv/app", session=as_json([{}, {}]))
        second = await prober.look(first)
        assert second is not None
        assert second.backend is not None
        assert second.backend.sessions == Sessions(2, 0)
        server.reply = lambda _: b""
        assert await prober.look(first) is None
