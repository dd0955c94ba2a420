"""A small page of text that needs nothing but itself."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from opencoderouter.proxy import pages

_STYLE = """
:root { color-scheme: light dark }
body {
  max-width: 36rem; margin: 15vh auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: light-dark(#1d1d1b, #ecebe6); background: light-dark(#f6f6f4, #131312);
}
h1 { font-size: 1.25rem }
p { overflow-wrap: anywhere }
a { color: light-dark(#4353d8, #9dabff) }
code { font: .875em ui-monospace, monospace }
"""
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    **pages.HEADERS,
    "Content-Security-Policy": f"{pages.HEADERS['Content-Security-Policy']}; "
    f"style-src 'sha256-{_HASH}'; form-action 'none'",
}


def notice(title: str, body: str) -> str:
    """Return the page; ``body`` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )
