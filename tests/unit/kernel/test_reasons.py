"""Why a connection failed, as it is told."""

from __future__ import annotations

import errno
import os
import ssl

import pytest

from opencoderouter.kernel.reasons import reason

_WRONG = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
_WRONG.reason = "WRONG_VERSION_NUMBER"
_UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: X] certificate verify failed (_ssl.c:1006)")
_UNTRUSTED.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "refused"),
        (TimeoutError("timed out"), "timed out"),
        (TimeoutError(), "TimeoutError"),
        (_WRONG, "wrong version number"),
        (_UNTRUSTED, "self-signed certificate"),
        (ValueError("a\x1b"), "a\\x1b"),
        ("unknown url type", "unknown url type"),
    ],
)
def test_words(error: object, words: str) -> None:
    """They are the system's own, without its numbers and the files of libraries."""
    said = reason(error)
    assert words in said
    assert not any(one in said for one in ("[", "Errno", "_ssl", "\x1b"))
