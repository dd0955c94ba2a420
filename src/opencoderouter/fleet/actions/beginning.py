"""New sessions, with a prompt or without."""

from __future__ import annotations

import asyncio

from opencoderouter.core.fleet import scripts, values
from opencoderouter.core.fleet.commands import is_place
from opencoderouter.core.fleet.control import Done, Failed, Outcome
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions import serving
from opencoderouter.fleet.actions.site import Site

_TAKEN = 10.0  # seconds that a server has to write a prompt down
_LOOK = 0.2


async def new(site: Site, directory: str, prompt: str, agent: str) -> Outcome:
    """Make a session at a server of the directory, and prompt it.

    Where none runs, one is started: to stay where there is a prompt, since that is what works on
    it when we have gone, and else for a moment.
    """
    real = await find_directory(site, directory)
    if isinstance(real, Failed):
        return real
    here = await site.here()
    if isinstance(here, Failed):
        return here
    place = await site.open_one(here.of(real))
    if isinstance(place, Place):
        return await _begin(site, place, prompt, agent)
    if prompt:
        started = await serving.start(site, real)
        return (
            started if isinstance(started, Failed) else await _begin(site, started, prompt, agent)
        )
    async with serving.for_a_moment(site, real) as server:
        return server if isinstance(server, Failed) else await _begin(site, server, prompt, agent)


async def find_directory(site: Site, directory: str) -> str | Failed:
    """Return the real path of a directory of the host that can be entered."""
    if not is_place(directory):
        return site.failed(f"{directory}: give an absolute path, or one that begins with ~/")
    told = await site.tell(scripts.where(directory))
    if isinstance(told, Failed):
        return told
    if told.failed:
        return site.failed(f"{directory}: there is no such directory, or it cannot be entered")
    return scripts.real_path(told.words.get("directory", ""))


async def _begin(site: Site, place: Place, prompt: str, agent: str) -> Outcome:
    if agent and (failure := await _unknown(site, place, agent)):
        return failure
    body = {"agent": agent} if agent else {}
    answer = await site.ask(place, "POST", "/session", body)
    if isinstance(answer, Failed):
        return answer
    session = values.session_id(values.mapping(answer.json).get("id"))
    if not session:
        return site.failed("the server has not said which session it made")
    if prompt and (failure := await _prompt(site, place, session, {**body, **_parts(prompt)})):
        return failure
    return Done(f"{printable(site.host.name)}: new session {session}", session)


async def _unknown(site: Site, place: Place, agent: str) -> Failed | None:
    """Return that there is no such agent: OpenCode itself takes any name, and fails later."""
    answer = await site.ask(place, "GET", "/agent")
    if isinstance(answer, Failed):
        return answer
    rows = values.rows(answer.json)
    fit = (row for row in rows if row.get("mode") != "subagent" and not row.get("hidden"))
    names = sorted(values.text(row.get("name")) for row in fit)
    if agent in names:
        return None
    return site.failed(f"there is no agent {agent}", f"There are: {', '.join(names)}")


def _parts(prompt: str) -> dict[str, object]:
    return {"parts": [{"type": "text", "text": prompt}]}


async def _prompt(site: Site, place: Place, session: str, body: object) -> Failed | None:
    """Send a prompt, and see that it is written down: from then on it needs nobody."""
    answer = await site.ask(place, "POST", f"/session/{session}/prompt_async", body)
    if isinstance(answer, Failed):
        return answer
    try:
        async with asyncio.timeout(_TAKEN):
            while True:
                messages = await site.ask(place, "GET", f"/session/{session}/message?limit=1")
                if isinstance(messages, Failed):
                    return messages
                if values.rows(messages.json):
                    return None
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return site.failed(f"session {session} is there, but has not taken the prompt")
