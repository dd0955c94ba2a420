"""What the sessions of a host do right now: its router is asked, and its servers are."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.answer import Told
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Endpoint, Failure, Router, Server, Session
from opencoderouter.core.fleet.transport import Link
from opencoderouter.core.fleet.wire import Answer
from opencoderouter.core.fleet.working import Look, read_look, read_session, settled
from opencoderouter.core.slug import is_slug
from opencoderouter.fleet.http import NoAnswer, request

_AT_ONCE = 4  # servers; each is asked three things at once
_ELSEWHERE = 4  # directories without a server of their own that servers are asked about
_RECENT = 86_400.0  # seconds; what was begun earlier is hardly at work still
_UNKNOWN = 16  # sessions that are looked up one by one
_DEEP = 4  # subagents of subagents
_SHARE = 0.35  # of the time, for one answer at most
_LOCKED = 401
_ROUTERS = 2
_BACKENDS = ("/api/backends", "/api/health")
_ROUTED = frozenset({"ready", "busy"})
_QUESTIONS = ("/session/status", "/permission", "/question")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found. ``servers`` are those that are OpenCode, or have not said what they are."""

    servers: tuple[Server, ...]
    router: Router | None
    sessions: tuple[Session, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One server after it was asked. ``complete``: it told of its own directory.

    ``server`` is None where something else listens there.
    """

    server: Server | None
    endpoint: Endpoint
    looks: tuple[Look, ...] = ()
    complete: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Routed:
    """A router that lets us in, and where it has the servers: prefix by port."""

    router: Router
    address: str
    prefixes: dict[int, str]


async def look(link: Link, told: Told, *, now: float, within: float) -> Seen:
    """Ask everything that listens what sessions do, within so many seconds.

    Nothing is changed; a directory without a server of its own is asked about only where a
    session there may be at work, since a server loads the project that it is asked about.
    """
    asker = _Asker(link, now, within)
    routed = await asker.router([place for place in told.places if place.is_router])
    places = [place for place in told.places if not place.is_router]
    elsewhere = _elsewhere(told, places, now)
    answers = await asker.servers(_through(places, routed), elsewhere)
    strangers, roots = await asker.unknown(answers, told)
    sessions = (*strangers, *told.sessions)
    looks = [one for answer in answers for one in answer.looks]
    servers = tuple(answer.server for answer in answers if answer.server is not None)
    return Seen(
        servers,
        routed.router if routed else None,
        settled(sessions, looks, {**told.roots, **roots}, _covered(answers)),
        tuple(_failures(answers)),
    )


def _through(places: Iterable[Place], routed: Routed | None) -> list[tuple[Server, Endpoint]]:
    """Return where each server is asked: through the router where that has a route to it."""
    prefixes = routed.prefixes if routed else {}
    return [
        (
            place.server,
            Endpoint(routed.router.port, routed.address, prefixes[place.server.port]),
        )
        if routed and place.server.port in prefixes
        else (place.server, place.endpoint)
        for place in places
    ]


def _elsewhere(told: Told, places: Iterable[Place], now: float) -> list[str]:
    """Return directories that no server was started in, where a session may be at work."""
    own = {place.server.directory for place in places}
    busy = (
        session.directory
        for session in told.sessions
        if session.id in told.unfinished and now - (session.updated or 0) < _RECENT
    )
    return list(dict.fromkeys(one for one in busy if one not in own))[:_ELSEWHERE]


def _covered(answers: Sequence[Asked]) -> set[str]:
    """Return the directories all of whose servers have told."""
    servers = [(answer.server.directory, answer.complete) for answer in answers if answer.server]
    silent = {directory for directory, complete in servers if not complete}
    return {directory for directory, _ in servers} - silent - {""}


def _failures(answers: Sequence[Asked]) -> Iterable[Failure]:
    """Say once what holds for all servers, else what holds for each."""
    reasons = dict.fromkeys(answer.reason for answer in answers if answer.reason)
    return (Failure("live", reason) for reason in list(reasons)[:3])


class _Asker:
    """Asks one thing after the other, some at once; all ends ``within`` so many seconds."""

    def __init__(self, link: Link, now: float, within: float) -> None:
        self._link, self._now, self._most = link, now, within * _SHARE
        self._time = asyncio.get_running_loop().time
        self._end = self._time() + within
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def router(self, places: Sequence[Place]) -> Routed | None:
        """Return the first router that lets us in; workers of one share its port."""
        for place in places[:_ROUTERS]:
            listed, health = await self._all(place.endpoint, _BACKENDS)
            told = values.mapping(health.json)
            if told.get("healthy") is True:
                version = values.text(told.get("version"), 64)
                router = Router(place.server.port, version, place.server.pid)
                return Routed(router, place.server.address, dict(_prefixes(listed.json)))
        return None

    async def servers(
        self, places: Iterable[tuple[Server, Endpoint]], elsewhere: Collection[str]
    ) -> list[Asked]:
        """Ask all servers, each of its own directory and of those."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._server(*place, elsewhere), name=f"ask {place[0].port}")
                for place in places
            ]
        return [task.result() for task in running]

    async def _server(
        self, server: Server, endpoint: Endpoint, elsewhere: Collection[str]
    ) -> Asked:
        async with self._room:
            return await self._judge(server, endpoint, elsewhere)

    async def _judge(self, server: Server, endpoint: Endpoint, elsewhere: Collection[str]) -> Asked:
        """Find out whether it is OpenCode before anything else is asked."""
        health = await self._get(endpoint, "/global/health")
        if isinstance(health, NoAnswer):
            where = "" if health.prohibited else f"port {server.port}: "
            return Asked(server, endpoint, reason=f"{where}{health.reason}")
        told = values.mapping(health.json)
        if health.status == _LOCKED:
            return Asked(replace(server, locked=True), endpoint)
        if told.get("healthy") is not True:
            return Asked(None, endpoint)
        known = replace(server, version=values.text(told.get("version"), 64))
        if not known.directory:
            path = (await self._all(endpoint, ("/path",)))[0]
            place = values.directory(values.mapping(path.json).get("directory"))
            known = replace(known, directory=place)
        return await self._looked(known, endpoint, elsewhere)

    async def _looked(
        self, server: Server, endpoint: Endpoint, elsewhere: Collection[str]
    ) -> Asked:
        look, complete = await self._look(endpoint, "")
        queries = (f"?directory={_quoted(directory)}" for directory in elsewhere)
        others = [(await self._look(endpoint, query))[0] for query in queries]
        reason = "" if complete else f"port {server.port}: does not tell what its sessions do"
        return Asked(server, endpoint, (look, *others), complete, reason)

    async def _look(self, endpoint: Endpoint, query: str) -> tuple[Look, bool]:
        """Ask about one directory; the second value tells whether its sessions are known now."""
        said = await self._all(endpoint, tuple(f"{path}{query}" for path in _QUESTIONS))
        status, permissions, questions = (one.json for one in said)
        found = read_look(status, permissions, questions, endpoint, self._now)
        return found, said[0].good and isinstance(said[0].json, dict)

    async def unknown(
        self, answers: Iterable[Asked], told: Told
    ) -> tuple[tuple[Session, ...], dict[str, str]]:
        """Return root sessions that have begun since, and the roots of subagents that have."""
        known = {session.id for session in told.sessions} | told.roots.keys()
        named = {
            one: answer.endpoint
            for answer in answers
            for look in answer.looks
            for one in look.sessions - known
        }
        found = dict[str, Session]()
        roots = dict[str, str]()
        for one, endpoint in list(named.items())[:_UNKNOWN]:
            roots[one] = await self._root(one, endpoint, told, found)
        return tuple(found.values()), roots

    async def _root(
        self, session: str, endpoint: Endpoint, told: Told, found: dict[str, Session]
    ) -> str:
        """Return the root of a session; one that is not known goes to ``found``."""
        one, known = session, {each.id for each in told.sessions} | found.keys()
        for _ in range(_DEEP):
            one = told.roots.get(one, one)
            if one in known:
                break
            read = read_session((await self._all(endpoint, (f"/session/{one}",)))[0].json)
            if read is None:
                break
            if not read[1]:
                found[one] = read[0]
                break
            one = read[1]
        return one

    async def _all(self, endpoint: Endpoint, paths: Sequence[str]) -> list[Answer]:
        """Ask several things at once; what is not answered says nothing."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._get(endpoint, path), name=f"ask {path}") for path in paths
            ]
        answers = (task.result() for task in running)
        return [one if isinstance(one, Answer) else Answer(0) for one in answers]

    async def _get(self, endpoint: Endpoint, path: str) -> Answer | NoAnswer:
        left = min(self._most, self._end - self._time())
        if left <= 0:
            return NoAnswer("no time was left")
        return await request(self._link, endpoint, "GET", path, within=left)


def _prefixes(said: object) -> Iterator[tuple[int, str]]:
    """Yield the port that a project's route leads to, and the path below the router."""
    for row in values.rows(said):
        slug, port = values.text(row.get("slug")), values.whole(row.get("port"))
        if port and is_slug(slug) and row.get("status") in _ROUTED:
            yield port, f"/{slug}"


def _quoted(directory: str) -> str:
    """Return a directory as OpenCode takes it: it decodes the value twice."""
    return quote(directory.replace("%", "%25"), safe="")
