"""Why a connection failed, in plain words."""

from __future__ import annotations

import ssl

from opencoderouter.core.printable import printable


def reason(error: object) -> str:
    """Return why a connection failed: on one line, never empty, without numbers and file names."""
    text = str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        text = str(getattr(error, "verify_message", ""))  # missing where it was made by hand
    elif isinstance(error, ssl.SSLError):
        text = (error.reason or "").replace("_", " ").lower()
    elif isinstance(error, OSError):
        text = error.strerror or text
    return printable(text) or type(error).__name__
