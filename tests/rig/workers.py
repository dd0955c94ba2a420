"""How many processes each router of a test run has: ``pytest --workers``."""

from __future__ import annotations

count = 1
