"""The login form, and the page that leads on from it. Neither says whose router this is."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template

from opencoderouter.proxy import pages
from opencoderouter.proxy.destinations import local

_PAGE = files("opencoderouter.proxy").joinpath("login.html").read_text("utf-8")
_FORM = Template(_PAGE)
_ONWARD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>OpenCodeRouter</title><link rel="icon" href="data:,"></head>
<body data-to="%s">
<noscript><p><a href="%s">Go on</a></p></noscript>
<script>location.replace(document.body.dataset.to);</script>
</body></html>
"""

HEADERS = {**pages.WITH_A_FORM, "Content-Security-Policy": pages.policy(_PAGE)}
# Where it leads, the router must see that its own page does; but not the ticket in its address.
ONWARD_HEADERS = {
    **pages.HEADERS,
    "Content-Security-Policy": pages.policy(_ONWARD),
    "Referrer-Policy": "origin",
}


def form(to: str = "/", *, alert: str = "", readable: bool = False) -> str:
    """Return the form; who fills it in is led ``to`` a path of this host.

    ``readable``: others on the network can read what is typed. ``alert`` is text.
    """
    warning = f'<p role="alert" id="alert">{escape(alert)}</p>' if alert else ""
    return _FORM.substitute(
        to=escape(local(to)),
        alert=warning,
        unreadable="" if readable else "hidden",
        invalid='aria-invalid="true" aria-describedby="alert"' if alert else "",
    )


def onward(to: str) -> str:
    """Return the page that goes on to a path of this host, and leaves nothing in the history.

    A redirect would not do: what follows one from another site has no strict cookie.
    """
    link = escape(local(to))
    return _ONWARD % (link, link)
