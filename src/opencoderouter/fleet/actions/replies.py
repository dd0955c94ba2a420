"""Answers to what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.commands import is_ask
from opencoderouter.core.fleet.control import Done, Failed, Outcome
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Ask, Live
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions.site import Site, in_directory

Answers = tuple[tuple[str, ...], ...]
_PERMISSION = frozenset({"once", "always", "reject"})


async def reply(site: Site, ask: Ask, answers: Answers, directory: str) -> Outcome:
    """Answer at the server that still waits for it. ``directory`` is that of its session."""
    if not is_ask(ask.id):
        return site.failed("this is no id of a question")
    if why := _misfit(ask, answers):
        return site.failed(why)
    here = await site.here()
    if isinstance(here, Failed):
        return here
    troubles = []
    for place in _likely(here.servers, ask, directory):
        query = in_directory(place, directory)
        waiting = await site.ask(place, "GET", f"/{_kind(ask)}{query}")
        if isinstance(waiting, Failed):
            troubles.append(waiting.summary)
        elif ask.id in {row.get("id") for row in values.rows(waiting.json)}:
            return await _send(site, place, ask, answers, query)
    return site.failed("nobody waits for this answer any more", "\n".join(troubles))


def _misfit(ask: Ask, answers: Answers) -> str:
    """Return why these cannot be the answers; nothing when they can."""
    if ask.kind is Live.PERMISSION:
        fits = len(answers) == 1 and len(answers[0]) == 1 and answers[0][0] in _PERMISSION
        return "" if fits else "a permission is answered by once, always or reject"
    if ask.kind is not Live.QUESTION:
        return "this is no question"
    if answers and len(answers) != len(ask.questions):
        return f"{len(ask.questions)} answers are wanted, not {len(answers)}"
    return ""


def _likely(places: Sequence[Place], ask: Ask, directory: str) -> list[Place]:
    """Return the one that has asked, then those of the directory, then the others."""
    port = ask.endpoint.port if ask.endpoint is not None else 0

    def distance(place: Place) -> tuple[bool, bool]:
        return place.server.port != port, place.server.directory != directory

    return sorted(places, key=distance)


def _kind(ask: Ask) -> str:
    return "permission" if ask.kind is Live.PERMISSION else "question"


async def _send(site: Site, place: Place, ask: Ask, answers: Answers, query: str) -> Outcome:
    verb, body = "reply", dict[str, object]()
    if ask.kind is Live.PERMISSION:
        body = {"reply": answers[0][0]}
    elif answers:
        body = {"answers": [list(one) for one in answers]}
    else:
        verb = "reject"
    answer = await site.ask(place, "POST", f"/{_kind(ask)}/{ask.id}/{verb}{query}", body)
    if isinstance(answer, Failed):
        return answer
    said = answers[0][0] if ask.kind is Live.PERMISSION else "answered" if answers else "rejected"
    return Done(f"{printable(site.host.name)}: {said}", ask.session)
