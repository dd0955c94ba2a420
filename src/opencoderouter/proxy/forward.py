"""Passing a request on: to which backend, over which connection, and what when it fails."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from opencoderouter.core.model import Backend, Status
from opencoderouter.core.plan import Forward
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.errors import error
from opencoderouter.proxy.exchange import Answered, Exchange, Unanswered
from opencoderouter.proxy.pool import Pool, Upstream

log = logging.getLogger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # may be asked twice (RFC 9110 section 9.2.1)
_ANSWERING = frozenset({Status.READY, Status.LOCKED})  # worth asking what they are doing


class Forwarder:
    """Passes requests on to the backends of the projects."""

    def __init__(self, context: Context, pool: Pool) -> None:
        self._context, self._pool = context, pool

    async def forward(self, request: web.Request, plan: Forward) -> web.StreamResponse:
        """Answer with what the backend answers.

        Only a safe request without a body goes over a connection that was used before, and is
        asked again over a new one when that turns out to be closed. Others could be done twice.
        """
        backend = await self._backend(plan)
        if request.method in _SAFE and not request.body_exists:
            while kept := self._pool.take(backend.listener):
                result = await self._exchange(request, plan, kept)
                if isinstance(result, Answered):
                    return result
        try:
            fresh = await self._pool.open(backend.listener)
        except OSError as failure:
            return _unreachable(request, plan, backend, type(failure).__name__)
        result = await self._exchange(request, plan, fresh)
        match result:
            case Answered():
                return result
            case Unanswered.DEAD:
                return _unreachable(request, plan, backend, "closed")
            case Unanswered.MALFORMED:
                return _malformed(request)

    async def _exchange(
        self, request: web.Request, plan: Forward, upstream: Upstream
    ) -> Answered | Unanswered:
        return await Exchange(request, plan, upstream, self._context.closing).run(self._pool)

    async def _backend(self, plan: Forward) -> Backend:
        """Return the backend that has the session at work, else the one that has the route.

        The first that has it will do: a slow one must not hold up the others' requests.
        """
        if plan.session is None:
            return plan.backend
        answering = [one for one in plan.project.backends if one.status in _ANSWERING]
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self._having(plan.session, one), name="busy") for one in answering
            ]
            for answer in asyncio.as_completed(asked):
                if found := await answer:
                    break
            else:
                found = None
            for task in asked:
                task.cancel()
        return found or plan.backend

    async def _having(self, session: str, backend: Backend) -> Backend | None:
        busy = await self._context.client.busy(backend.listener)
        return backend if session in (busy or ()) else None


def _unreachable(
    request: web.Request, plan: Forward, backend: Backend, reason: str
) -> web.StreamResponse:
    slug = plan.project.slug
    where = backend.listener.authority
    log.warning("no answer project=%s backend=%s reason=%s", slug, where, reason)
    detail = f"The server of project {slug!r} gave no answer."
    hint = "It may have just stopped. Ask again in a moment, or see `ocr-router ls`."
    return error(request, 502, "no_answer", detail, hint)


def _malformed(request: web.Request) -> web.StreamResponse:
    detail = "The body of the request is not what its head says."
    return error(request, 400, "bad_request", detail, "Send a well-formed body.")
