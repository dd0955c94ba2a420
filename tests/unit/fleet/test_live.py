"""What the sessions of a host do, asked of its router and of its servers."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes_link import FakeLink, ok

from opencoderouter.core.fleet.answer import Told
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Endpoint, Failure, Live, Router, Server, Session
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.fleet.live import Seen, look

NOW = 1_795_419_630.0
HEALTHY = ok({"healthy": True, "version": "1.18.33"})
BUSY = {"type": "busy"}
PERMISSION = {
    "id": "per_2075968a0001KtwKvrfrrHQkBf",
    "sessionID": "ses_sub",
    "permission": "bash",
    "patterns": ["rm *"],
    "metadata": {"command": "rm -rf build"},
}


def server(
    port: int,
    *,
    status: object = None,
    permissions: object = (),
    prefix: str = "",
    query: str = "",
) -> Mapping[str, bytes]:
    """Return the answers of an OpenCode server."""
    return {
        f"{port} GET {prefix}/global/health": HEALTHY,
        f"{port} GET {prefix}/session/status{query}": ok(status or {}),
        f"{port} GET {prefix}/permission{query}": ok(permissions),
        f"{port} GET {prefix}/question{query}": ok([]),
    }


def at(port: int, directory: str = "/p", **more: object) -> Place:
    """Return a server as the script has found it."""
    return Place(Server(port, pid=port, directory=directory), **more)  # type: ignore[arg-type]


def session(name: str, directory: str = "/p", updated: float = NOW) -> Session:
    """Return a session as the database has it."""
    return Session(f"ses_{name}", directory=directory, updated=updated)


async def seen(link: FakeLink, told: Told, within: float = 60) -> Seen:
    """Look at a host."""
    return await look(link, told, now=NOW, within=within)


def lives(found: Seen) -> dict[str, Live | None]:
    """Return what sessions do by the last part of their ids."""
    return {one.id.removeprefix("ses_"): one.live for one in found.sessions}


async def test_server() -> None:
    """A server tells its version, and of each session of its directory what it does."""
    link = FakeLink(server(1, status={"ses_a": BUSY}))
    told = Told(places=(at(1),), sessions=(session("a"), session("b"), session("c", "/q")))
    found = await seen(link, told)
    assert lives(found) == {"a": Live.BUSY, "b": Live.IDLE, "c": None}
    assert found.servers == (Server(1, pid=1, directory="/p", version="1.18.33"),)
    assert (found.router, found.failures, link.open) == (None, (), 0)


async def test_two_servers() -> None:
    """A session is at work in one of two servers of its directory."""
    link = FakeLink({**server(1), **server(2, status={"ses_a": BUSY})})
    told = Told(places=(at(1), at(2)), sessions=(session("a"), session("b")))
    assert lives(await seen(link, told)) == {"a": Live.BUSY, "b": Live.IDLE}


async def test_silent_server() -> None:
    """While one server of a directory is silent nobody knows who is idle there; others go on."""
    answers = {**server(1, status={"ses_a": BUSY}), "2 GET /global/health": None, **server(3)}
    told = Told(
        places=(at(1), at(2), at(3, "/q")),
        sessions=(session("a"), session("b"), session("c", "/q")),
    )
    found = await seen(FakeLink(answers), told, within=0.3)
    assert lives(found) == {"a": Live.BUSY, "b": None, "c": Live.IDLE}
    (failure,) = found.failures
    assert failure.part == "live"
    assert failure.reason.startswith("port 2: no answer")
    assert [one.port for one in found.servers] == [1, 2, 3]


async def test_locked() -> None:
    """A server whose password is not known is locked, which is no failure."""
    link = FakeLink({"1 GET /global/health": ok({}, 401)})
    found = await seen(link, Told(places=(at(1),), sessions=(session("a"),)))
    assert found.servers[0].locked
    assert lives(found) == {"a": None}
    assert found.failures == ()
    assert link.targets(1) == ["/global/health"]


async def test_something_else() -> None:
    """What is not OpenCode is no server, and is asked nothing more."""
    link = FakeLink({"1 GET /global/health": ok({"hello": 1}), **server(2)})
    found = await seen(link, Told(places=(at(1), at(2, "/q"))))
    assert [one.port for one in found.servers] == [2]
    assert link.targets(1) == ["/global/health"]


async def test_directory_asked() -> None:
    """A server whose directory the system does not tell says it itself."""
    link = FakeLink({**server(1), "1 GET /path": ok({"directory": "/p"})})
    found = await seen(link, Told(places=(at(1, ""),), sessions=(session("a"),)))
    assert found.servers[0].directory == "/p"
    assert lives(found) == {"a": Live.IDLE}


async def test_subagent_waits() -> None:
    """What a subagent asks for is shown at its root, with where to answer."""
    link = FakeLink(server(1, status={"ses_a": BUSY}, permissions=[PERMISSION]))
    told = Told(places=(at(1),), sessions=(session("a"),), roots={"ses_sub": "ses_a"})
    (found,) = (await seen(link, told)).sessions
    assert found.live is Live.PERMISSION
    (ask,) = found.asks
    assert (ask.session, ask.text, ask.endpoint) == (
        "ses_sub",
        "bash: rm -rf build",
        Endpoint(1),
    )


async def test_subagent_of_later() -> None:
    """Sessions that began after the database was read are looked up, up to their root."""
    child = {"id": "ses_sub", "parentID": "ses_new", "directory": "/p"}
    root = {"id": "ses_new", "directory": "/p", "title": "New"}
    answers = {
        **server(1, status={"ses_new": BUSY, "ses_sub": BUSY}, permissions=[PERMISSION]),
        "1 GET /session/ses_sub": ok(child),
        "1 GET /session/ses_new": ok(root),
    }
    found = await seen(FakeLink(answers), Told(places=(at(1),), sessions=(session("a"),)))
    assert lives(found) == {"new": Live.PERMISSION, "a": Live.IDLE}
    assert found.sessions[0].title == "New"


async def test_elsewhere() -> None:
    """Of a directory without a server others are asked only where work there has not ended."""
    query = "?directory=%2Fhome%2F100%252525%20sure"
    elsewhere = server(1, status={"ses_b": BUSY}, query=query)
    link = FakeLink({**server(1), **elsewhere})
    home = "/home/100%25 sure"
    told = Told(
        places=(at(1),),
        sessions=(
            session("a"),
            session("b", home),
            session("c", home),
            session("d", "/q"),
            session("e", "/old", NOW - 90_000),
        ),
        unfinished=frozenset({"ses_a", "ses_b", "ses_e"}),
    )
    found = await seen(link, told)
    assert lives(found) == {"a": Live.IDLE, "b": Live.BUSY, "c": None, "d": None, "e": None}
    assert [one for one in link.targets(1) if "?" in one] == [
        f"/permission{query}",
        f"/question{query}",
        f"/session/status{query}",
    ]


async def test_slow_elsewhere() -> None:
    """What a server says of its own directory counts when it does not answer for another."""
    answers = {**server(1, status={"ses_a": BUSY}), "1 GET /session/status?directory=%2Fq": None}
    told = Told(
        places=(at(1),),
        sessions=(session("a"), session("b", "/q"), session("c")),
        unfinished=frozenset({"ses_b"}),
    )
    found = await seen(FakeLink(answers), told, within=0.8)
    assert lives(found) == {"a": Live.BUSY, "b": None, "c": Live.IDLE}


ROUTER = Place(Server(80, pid=5), is_router=True)
BACKENDS = [
    {"slug": "p", "port": 1, "status": "ready"},
    {"slug": "q", "port": 2, "status": "locked"},
    {"slug": "../x", "port": 3, "status": "ready"},
]
ROUTED = {
    "80 GET /api/backends": ok(BACKENDS),
    "80 GET /api/health": ok({"healthy": True, "version": "0.1.0"}),
}


async def test_router() -> None:
    """Where a router has a route it is asked; servers that it has none to are asked themselves."""
    answers = {**ROUTED, **server(80, prefix="/p", permissions=[PERMISSION]), **server(2)}
    link = FakeLink({**answers, **server(3)})
    places = (ROUTER, at(1), at(2, "/q"), at(3, "/r"))
    told = Told(places=places, sessions=(session("a"),), roots={"ses_sub": "ses_a"})
    found = await seen(link, told)
    assert found.router == Router(80, "0.1.0", 5)
    assert [one.port for one in found.servers] == [1, 2, 3]
    assert found.sessions[0].asks[0].endpoint == Endpoint(80, prefix="/p")
    assert link.targets(1) == []
    assert len(link.targets(2)) == len(link.targets(3)) == 4


async def test_router_wants_a_password() -> None:
    """A router that does not let us in is there; the servers are asked, with their passwords."""
    link = FakeLink(
        {
            "80 GET /api/backends": ok({"error": "x"}, 401),
            "80 GET /api/health": ok({"healthy": True}),
            **server(1, status={"ses_a": BUSY}),
        }
    )
    place = at(1, authorization="Basic eDp5")
    found = await seen(link, Told(places=(ROUTER, place), sessions=(session("a"),)))
    assert found.router == Router(80, "", 5)
    assert lives(found) == {"a": Live.BUSY}


async def test_no_router() -> None:
    """What looks like a router but does not answer as one is none."""
    link = FakeLink({"80 GET /api/health": ok({}, 404), **server(1)})
    assert (await seen(link, Told(places=(ROUTER, at(1))))).router is None


def without_curl(_command: str, stdin: bytes) -> Completed:
    """Answer as a host that has no curl."""
    mark = stdin.partition(b"\n")[0].rpartition(b" ")[2]
    return Completed(0, mark + b"\n\n" + mark + b" 127\n", b"")


async def test_nothing_is_forwarded() -> None:
    """A host that forwards nothing, and has no curl, has its sessions and one failure."""
    refused = NotForwarded("forbidden", prohibited=True)
    link = FakeLink(server(1), refused=refused, runs=without_curl)
    told = Told(places=(at(1), at(2), at(3)), sessions=(session("a"),))
    found = await seen(link, told)
    assert lives(found) == {"a": None}
    reason = "forbidden, and there is no curl on the host"
    assert found.failures == (Failure("live", reason),)
