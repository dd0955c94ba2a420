"""The small page."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from opencoderouter.proxy.notice import HEADERS, notice


def test_title_is_text() -> None:
    """A title cannot become markup."""
    page = notice("<script>&", "<p>x</p>")
    assert "<script>" not in page
    assert page.count("&lt;script&gt;&amp;") == 2


def test_policy_admits_the_style_and_nothing_else() -> None:
    """The policy names the digest of the very style in the page, and no script, image or form."""
    (style,) = re.findall("(?s)<style>(.*?)</style>", notice("t", ""))
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = HEADERS["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "script-src" not in policy
    assert HEADERS["Cache-Control"] == "no-store"
