"""The pages of a login: what is in them, and that nothing gets in."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from opencoderouter.proxy.login_page import HEADERS, ONWARD_HEADERS, form, onward

HOSTILE = '/"><script>alert(1)</script>'


def test_says_nothing() -> None:
    """The form tells nothing of this router: it is the same text for all of them."""
    assert "$" not in form()
    assert form("/x").replace('value="/x"', 'value="/"') == form()


@pytest.mark.parametrize("page", [form(HOSTILE), onward(HOSTILE), form(alert=HOSTILE)])
def test_what_is_quoted_is_text(page: str) -> None:
    """Nothing becomes markup."""
    assert "<script>alert" not in page
    assert "&quot;&gt;&lt;script&gt;" in page


@pytest.mark.parametrize("target", ["//evil.org", "https://evil.org", "javascript:alert(1)"])
def test_leads_nowhere_else(target: str) -> None:
    """No page leads to another host."""
    assert "evil" not in form(target) + onward(target)
    assert "javascript:" not in form(target) + onward(target)


def test_readable() -> None:
    """Whether the password can be read on the way is said, and how it cannot."""
    told, untold = (
        re.search(r'<p class="readable"([^>]*)>', form(readable=r)) for r in (True, False)
    )
    assert told
    assert untold
    assert (told[1].strip(), untold[1].strip()) == ("", "hidden")
    assert "--tls-cert" in form(readable=True)
    assert "ssh -L" in form(readable=True)


def test_alert() -> None:
    """What went wrong is said at the field, to everybody."""
    assert 'role="alert" id="alert">No, no.</p>' in form(alert="No, no.")
    assert 'aria-describedby="alert"' in form(alert="No, no.")
    assert 'id="alert"' not in form()


@pytest.mark.parametrize(
    ("page", "headers"),
    [(form(HOSTILE, alert="x", readable=True), HEADERS), (onward("/x"), ONWARD_HEADERS)],
)
def test_policies(page: str, headers: dict[str, str]) -> None:
    """Just the scripts and styles that are in a page may run; a form goes to the router only."""
    policy = headers["Content-Security-Policy"]
    inline = re.findall(r"(?s)<(?:script|style)>(.*?)</(?:script|style)>", page)
    digests = {b64encode(sha256(text.encode()).digest()).decode() for text in inline}
    assert set(re.findall("'sha256-([^']*)'", policy)) == digests
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == ("same-origin" if headers is HEADERS else "origin")
    assert headers["Cache-Control"] == "no-store"
    assert re.findall(r"(?:src|action)=\"(?!/\.ocr/)[^\"]*\"|@import|\son\w+=", page) == []
