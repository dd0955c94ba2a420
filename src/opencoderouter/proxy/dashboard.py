"""The page at ``/``: one file, and a policy that admits just the script and the style in it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from aiohttp import web

from opencoderouter.proxy import pages

PAGE = files("opencoderouter.proxy").joinpath("dashboard.html").read_text("utf-8")


def policy(page: str) -> str:
    """Return the Content-Security-Policy of a page with inline elements (CSP 3 section 6.7.3).

    Nothing is loaded from anywhere but the router, and no text can become markup.
    """
    rules = {
        "default-src": "'none'",
        "script-src": _hashes(page, "script"),
        "style-src": _hashes(page, "style"),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hashes(page: str, element: str) -> str:
    found: list[str] = re.findall(f"(?s)<{element}>(.*?)</{element}>", page)
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in found)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


HEADERS = {**pages.HEADERS, "Content-Security-Policy": policy(PAGE)}


async def dashboard(_: web.Request) -> web.Response:
    """Answer with the page. What it shows comes from ``/api/events``."""
    return web.Response(text=PAGE, content_type="text/html", headers=HEADERS)
