"""What the inspect panel shows of one session: asked when it is looked at, not with each probe."""

from __future__ import annotations

import asyncio
import secrets

from opencoderouter.core.fleet.control import Detail, Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import SessionRef, Unreached
from opencoderouter.core.fleet.reading import MESSAGES, from_database, from_server, statement
from opencoderouter.core.fleet.transport import Link
from opencoderouter.core.fleet.wire import Answer
from opencoderouter.fleet.http import request
from opencoderouter.fleet.script import COMMAND, Wanted, script
from opencoderouter.fleet.servers import places

_SERVER = 0.4  # of the time, for a server; what is left is for the database
_SECONDS = 20


async def detail(
    link: Link, session: SessionRef, *, opencode_path: str = "", within: float = _SECONDS
) -> Detail | Failed:
    """Read a session: from a server of its directory, else from OpenCode's database.

    The database takes the host a second. Raises ValueError when it is no session's id.
    """
    sql, time = statement(session.id), asyncio.get_running_loop().time
    end = time() + within
    listening = await places(link, within=within)
    if isinstance(listening, Failed):
        return listening
    for place in listening:
        if place.server.directory == session.directory and not place.is_router:
            found = await _from(link, place, session.id, within * _SERVER)
            if found is not None:
                return found
            break  # one is enough: a second that hangs would take the database's time
    return await _stored(link, sql, opencode_path, max(end - time(), 1.0))


async def _from(link: Link, place: Place, session: str, within: float) -> Detail | None:
    paths = (f"/message?limit={MESSAGES}", "/todo", "/diff")
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_json(link, place, f"/session/{session}{path}", within), name=path)
            for path in paths
        ]
    return from_server(*(task.result() for task in running))


async def _json(link: Link, place: Place, path: str, within: float) -> object:
    answer = await request(link, place.endpoint, "GET", path, within=within)
    return answer.json if isinstance(answer, Answer) and answer.good else None


async def _stored(link: Link, sql: str, opencode_path: str, within: float) -> Detail | Failed:
    nonce = secrets.token_hex(16)
    wanted = Wanted(max(1, int(within)), opencode_path, sql=sql)
    done = await link.run(COMMAND, stdin=script(wanted, nonce), within=within)
    if isinstance(done, Unreached):
        return Failed(done.reason, mend=done.mend)
    found = from_database(done.stdout, nonce)
    return Failed(found) if isinstance(found, str) else found
