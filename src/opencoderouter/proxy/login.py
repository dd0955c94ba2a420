"""``/.ocr/``: logging in and out, and taking a login along to the router's other names."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from math import ceil
from typing import Final
from urllib.parse import parse_qsl, quote

from aiohttp import web

from opencoderouter.core.grant import Grant, Identified
from opencoderouter.core.hosts import Own, classify
from opencoderouter.core.keyring import SESSION_LIFE, Keyring
from opencoderouter.core.plan import ENTER, GO, LOGIN, LOGOUT
from opencoderouter.proxy import login_page, pages
from opencoderouter.proxy.answers import form
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.destinations import elsewhere, local
from opencoderouter.proxy.errors import error, respond
from opencoderouter.proxy.who import authority, is_own_page, is_readable, scheme, who

_LARGEST: Final = 32 * 1024  # octets of a form
_OCTETS = 16  # of the id of a session
_PATIENCE = 10.0  # seconds for a form: nobody in particular sends it
_FORM = "application/x-www-form-urlencoded"
_FREE = frozenset({"peer", "off"})  # they need no session
_WRONG = "That is not the password."


def routes(context: Context) -> list[web.AbstractRouteDef]:
    """Return the routes that are the same on every host."""
    login = Login(context)
    return [
        web.get(LOGIN, login.show),
        web.post(LOGIN, login.log_in),
        web.post(LOGOUT, login.log_out),
        web.get(GO, login.go, allow_head=False),
        web.get(ENTER, login.enter, allow_head=False),
    ]


class Login:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._access, self._context = context.access, context

    async def show(self, request: web.Request) -> web.Response:
        """Show the form; who is in already is led on."""
        to = _trusted(request, request.query.get("to", "/"))
        if who(request).grant is not None:
            return _see(to)
        return respond(request, form(to, status=200, readable=is_readable(request)))

    async def log_in(self, request: web.Request) -> web.Response:
        """Begin a session for who shows the password or a token."""
        said = await _read(request)
        if isinstance(said, web.Response):
            return said
        me, secret, to = who(request), said.get("password", ""), said.get("to", "/")
        if me.grant is not None and me.grant.via in _FREE:
            return _see(_trusted(request, to))
        grant = self._judge(me.origin, secret)
        if isinstance(grant, float):
            return self._too_many(request, to, grant)
        if grant is None:
            self._note("login_failed", request, me)
            return _ask_again(request, 401, _WRONG, to)
        return self._welcome(request, me, grant, _trusted(request, to))

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session, under all names."""
        me, access = who(request), self._access
        if me.grant is not None and me.grant.session:
            access.log_out(me.grant.session, me.grant.expires or access.now() + SESSION_LIFE)
            self._note("logout", request, me, name=me.grant.name)
        response = _see("/")
        _set_cookie(response, access.keyring(), "", 0)
        return response

    async def go(self, request: web.Request) -> web.Response:
        """Lead to another name of the router, with a ticket when there is a session."""
        me, here = who(request), authority(request)
        place = elsewhere(request.query.get("to", ""), scheme(request), here, self._context.naming)
        # Pages of projects do not lead to other projects: what they ask for there would be done.
        if place is None or me.grant is None or not self._is_own(request):
            detail = "`to` must be an address of one of this router's projects."
            return error(request, 400, "bad_request", detail, "Use the links of the dashboard.")
        if not me.grant.session:
            return _see(f"{place.origin}{place.path}")
        ticket = self._access.tickets.issue(me.grant, me.origin, place.host)
        to = quote(place.path if is_own_page(request) else "/", safe="")
        return _see(f"{place.origin}{ENTER}?ticket={ticket}&to={to}")

    async def enter(self, request: web.Request) -> web.Response:
        """Exchange a ticket for a cookie of this name: of the same session, not of a longer one."""
        access, origin = self._access, who(request).origin
        host, now = authority(request).host, access.now()
        grant = access.tickets.redeem(request.query.get("ticket", ""), origin, host)
        if grant is None or not access.keyring().holds(grant, now):
            return _see("/")
        response = _onward(request.query.get("to", "/"))
        self._begin(response, request, grant, grant.session)
        return response

    def _judge(self, origin: str, secret: str) -> Grant | float | None:
        """Return what the secret is good for; the seconds until one is looked at again."""
        access, clock = self._access, time.monotonic()
        wait = access.strikes.wait(origin, clock)
        grant = access.keyring().judge(secret, access.now())
        if grant is not None and grant.via == "token":
            return grant
        if wait:
            return wait
        if grant is None:
            access.strikes.failed(origin, clock)
        else:
            access.strikes.succeeded(origin)
        return grant

    def _welcome(self, request: web.Request, me: Identified, grant: Grant, to: str) -> web.Response:
        if to == "/" and grant.project is not None and self._is_own(request):
            to = f"/{quote(grant.project)}/"  # all that there is for them
        # A page of a project leads to another host, where what came of a form may not go.
        response = _onward(to) if to != "/" and self._is_own(request) else _see(to)
        self._begin(response, request, grant, secrets.token_urlsafe(_OCTETS))
        self._note("login", request, me, name=grant.name)
        return response

    def _begin(
        self, response: web.Response, request: web.Request, grant: Grant, session: str
    ) -> None:
        keyring, host, now = self._access.keyring(), authority(request).host, self._access.now()
        value = keyring.seal(grant, session, who(request).origin, host, now)
        lasts = SESSION_LIFE if grant.expires is None else min(SESSION_LIFE, grant.expires - now)
        _set_cookie(response, keyring, value, int(lasts))

    def _too_many(self, request: web.Request, to: str, wait: float) -> web.Response:
        self._note("refused", request, who(request), error="too_many_failures")
        alert = f"Too many wrong passwords. Try again in {ceil(wait)} s."
        response = _ask_again(request, 429, alert, to)
        response.headers["Retry-After"] = str(ceil(wait))
        return response

    def _note(self, event: str, request: web.Request, me: Identified, **facts: object) -> None:
        self._access.record(event, origin=me.origin, host=authority(request).host, **facts)

    def _is_own(self, request: web.Request) -> bool:
        return isinstance(classify(authority(request).host, self._context.naming), Own)


def _trusted(request: web.Request, to: str) -> str:
    """Return where to go after a login: ``/``, unless no other site can have made it up."""
    return local(to) if is_own_page(request) else "/"


async def _read(request: web.Request) -> Mapping[str, str] | web.Response:
    """Return the fields of a form, or why it is none."""
    if request.content_type != _FORM:
        return error(request, 415, "unsupported_media_type", "This takes a form.", f"Send {_FORM}.")
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > _LARGEST:
                    what = "The form is too large."
                    return error(request, 413, "too_large", what, "Send `password`.")
    except TimeoutError:
        what = "The form did not come in time."
        return error(request, 408, "request_timeout", what, "Send it in one go.")
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _ask_again(request: web.Request, status: int, alert: str, to: str) -> web.Response:
    return respond(
        request, form(local(to), status=status, readable=is_readable(request), alert=alert)
    )


def _see(location: str) -> web.Response:
    return web.Response(status=303, headers={**pages.HEADERS, "Location": location})


def _onward(to: str) -> web.Response:
    text = login_page.onward(to)
    return web.Response(text=text, content_type="text/html", headers=login_page.ONWARD_HEADERS)


def _set_cookie(response: web.Response, keyring: Keyring, value: str, seconds: int) -> None:
    response.set_cookie(
        keyring.cookie,
        value,
        max_age=seconds,
        path="/",
        secure=keyring.secure,
        httponly=True,
        samesite="Strict",
    )
