"""What every answer of the router itself carries: nobody frames, sniffs, stores or refers it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


# With `no-referrer` a browser says `Origin: null` of a form, as if it were somebody else's.
WITH_A_FORM: Mapping[str, str] = {**HEADERS, "Referrer-Policy": "same-origin"}


def policy(page: str) -> str:
    """Return the Content-Security-Policy of a page with inline elements (CSP 3 section 6.7.3).

    Nothing is loaded from, sent to or submitted to anywhere but the router, and no text can become
    markup.
    """
    rules = {
        "default-src": "'none'",
        "script-src": _hashes(page, "script"),
        "style-src": _hashes(page, "style"),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hashes(page: str, element: str) -> str:
    found: list[str] = re.findall(f"(?s)<{element}>(.*?)</{element}>", page)
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in found)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
