"""The same as ``stub``, on the standard event loop."""

from __future__ import annotations

import sys

from tests.wire.wiring import stub


def main() -> None:
    """Be a worker on a machine without uvloop."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # what Python has for "not there"
    stub.main()
