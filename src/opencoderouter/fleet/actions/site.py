"""One host as an action sees it: scripts that it runs, servers that listen there, what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from opencoderouter.core.fleet import scripts, values
from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import HostSpec, SessionRef, Unreached
from opencoderouter.core.fleet.scripts import Told
from opencoderouter.core.fleet.transport import Completed, Link, Links
from opencoderouter.core.fleet.wire import Answer
from opencoderouter.core.printable import printable
from opencoderouter.fleet.http import NoAnswer, request
from opencoderouter.fleet.script import COMMAND
from opencoderouter.fleet.servers import places

WITHIN = 20.0  # seconds for a script that only looks, and for a server's answer
_LOCKED = 401
_REASONS = {
    "sh": "no POSIX shell ran the script",
    "directory": "there is no such directory, or it cannot be entered",
    "program": "there is no opencode",
    "state": "the state directory cannot be written",
    "random": "there is no /dev/urandom",
    "start": "the server does not start",
    "temporary": "there is no place for a temporary file",
}


def in_directory(place: Place, directory: str) -> str:
    """Return the query that has a server answer for a directory; OpenCode decodes it twice."""
    if not directory or place.server.directory == directory:
        return ""
    return f"?directory={quote(quote(directory, safe=''), safe='')}"


@dataclass(frozen=True, slots=True)
class Here:
    """Who listens on a host now: OpenCode's servers, and routers."""

    servers: tuple[Place, ...] = ()
    routers: tuple[Place, ...] = ()

    def of(self, directory: str) -> tuple[Place, ...]:
        """Return the servers of a directory."""
        return tuple(one for one in self.servers if one.server.directory == directory)


@dataclass(frozen=True, slots=True)
class Site:
    """A host, and how it is reached. ``program`` is where OpenCode is there."""

    host: HostSpec
    link: Link = field(repr=False)
    program: str

    def failed(self, what: str, detail: str = "", *mend: str) -> Failed:
        """Return what was not done on this host. ``detail`` may be text of others."""
        lines = "\n".join(map(printable, detail.splitlines()))
        return Failed(f"{printable(self.host.name)}: {printable(what)}", lines, mend)

    async def run(
        self,
        text: bytes,
        within: float = WITHIN,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Failed:
        """Run a script of ``scripts`` to its end."""
        done = await self.link.run(COMMAND, stdin=text, within=within, on_output=on_output)
        if isinstance(done, Unreached):
            return self.failed(done.reason, "", *done.mend)
        return done

    async def tell(self, text: bytes, within: float = WITHIN) -> Told | Failed:
        """Run a script; return what it says, also why it did not do it."""
        done = await self.run(text, within)
        return done if isinstance(done, Failed) else scripts.told(done.stdout)

    def reason(self, told: Told) -> Failed:
        """Return why a script did not do it."""
        return self.failed(_REASONS.get(told.failed, told.failed), told.detail)

    async def here(self) -> Here | Failed:
        """Look who listens."""
        found = await places(self.link, within=WITHIN)
        if isinstance(found, Failed):
            return self.failed(found.summary, found.detail, *found.mend)
        routers = tuple(one for one in found if one.is_router)
        return Here(tuple(one for one in found if not one.is_router), routers)

    async def ask(
        self,
        place: Place,
        method: str,
        path: str,
        body: object = None,
        *,
        within: float = WITHIN,
    ) -> Answer | Failed:
        """Ask a server there. An answer that is none of success is a failure."""
        answer = await request(self.link, place.endpoint, method, path, body, within=within)
        if isinstance(answer, NoAnswer):
            return self.failed(f"port {place.server.port}: {answer.reason}")
        if not answer.good:
            return self._refused(place, answer)
        return answer

    def _refused(self, place: Place, answer: Answer) -> Failed:
        if answer.status == _LOCKED:
            return self.failed(f"the server on port {place.server.port} wants a password")
        said = values.mapping(answer.json)
        data = values.mapping(said.get("data"))
        words = values.text(data.get("message")) or values.text(said.get("name"))
        what = f"the server on port {place.server.port} answers {answer.status}"
        return self.failed(what, words)

    async def confirm(self, place: Place, session: SessionRef) -> Failed | None:
        """See that a session is still there, and of that directory."""
        answer = await self.ask(place, "GET", f"/session/{session.id}")
        if isinstance(answer, Failed):
            return answer
        now = values.mapping(answer.json).get("directory")
        if now == session.directory:
            return None
        return self.failed("the session is not of that directory", f"{session.id}: {now}")

    async def busy(self, place: Place, directory: str) -> frozenset[str] | Failed:
        """Return the sessions of a directory that a server is at work on."""
        path = f"/session/status{in_directory(place, directory)}"
        answer = await self.ask(place, "GET", path)
        if isinstance(answer, Failed):
            return answer
        states = values.mapping(answer.json).items()
        return frozenset(
            name for name, state in states if values.mapping(state).get("type") != "idle"
        )

    async def open_one(self, places: Sequence[Place]) -> Place | Failed | None:
        """Return the first server that lets us ask; None where there is none at all."""
        failure: Failed | None = None
        for place in places:
            answer = await self.ask(place, "GET", "/global/health")
            if not isinstance(answer, Failed):
                return place
            failure = failure or answer
        return failure


class Sites:
    """The hosts of a fleet by alias."""

    def __init__(self, fleet: Callable[[], Fleet], links: Links) -> None:
        self._fleet, self._links = fleet, links

    def site(self, alias: str) -> Site | Failed:
        """Return a host of the fleet."""
        entry = self._fleet().entries.get(alias)
        if entry is None:
            return self.unknown(alias)
        found = entry.good.program if entry.good is not None else ""
        return Site(entry.host, self._links.link(alias), found or "opencode")

    def unknown(self, alias: str) -> Failed:
        """Return that there is no such host."""
        return Failed(f"{printable(alias)}: no host of this fleet")

    def directory(self, alias: str, session: str) -> str:
        """Return the directory of a session as it was seen last, or nothing."""
        entry = self._fleet().entries.get(alias)
        found = entry.sessions if entry is not None else ()
        return next((one.directory for one in found if one.id == session), "")
