"""The page as a text: its policy admits what is in it, and nothing else is needed."""

from __future__ import annotations

import re

from opencoderouter.proxy.dashboard import HEADERS, PAGE


def test_every_element_is_admitted() -> None:
    """The page has as many hashes as it has inline scripts and styles."""
    found = len(re.findall(r"<(?:script|style)\b", PAGE))
    assert HEADERS["Content-Security-Policy"].count("'sha256-") == found == 2


def test_policy() -> None:
    """The page talks to the router only, and no text can become markup."""
    rules = HEADERS["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in rules
    assert "connect-src 'self'" in rules
    assert "form-action 'self'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "require-trusted-types-for 'script'" in rules
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_self_contained() -> None:
    """Nothing comes from elsewhere, nothing is handled or styled in attributes."""
    outside = re.findall(r"(?:src|href|action)=\"(?!/api/|/\.ocr/logout|data:)[^\"]*\"", PAGE)
    assert outside == []
    assert re.findall(r"\s(?:style|on\w+)=\"", PAGE) == []
    assert "innerHTML" not in PAGE
    assert "@import" not in PAGE
