"""The page at ``/``: one file, and a policy that admits just the script and the style in it."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web

from opencoderouter.proxy import pages

PAGE = files("opencoderouter.proxy").joinpath("dashboard.html").read_text("utf-8")
HEADERS = {**pages.WITH_A_FORM, "Content-Security-Policy": pages.policy(PAGE)}


async def dashboard(_: web.Request) -> web.Response:
    """Answer with the page. What it shows comes from ``/api/events``."""
    return web.Response(text=PAGE, content_type="text/html", headers=HEADERS)
