"""What all checks know, and the one way in which they ask the running router."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencoderouter.doctor.thread import in_thread
from opencoderouter.settings import Settings


@dataclass(frozen=True, slots=True)
class Answered:
    """The decoded JSON that the router answered."""

    body: Any


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why there is no answer. ``down``: nobody listens; else somebody does, and will not tell."""

    reason: str
    down: bool

    @property
    def https(self) -> bool:
        """Tell whether it is a router of ours, which was asked by HTTP and speaks HTTPS."""
        return "This port speaks HTTPS" in self.reason


Answer = Answered | Unanswered
Ask = Callable[[str], Answer]  # takes a path such as /api/health, may block, never raises


class Router:
    """The running router; each path is asked once, whoever wants to know."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._answers: dict[str, asyncio.Future[Answer]] = {}

    async def get(self, path: str) -> Answer:
        """Return the answer to ``GET path``."""
        if path not in self._answers:
            self._answers[path] = in_thread(self._ask, path)
        # A check that is cut must not take the answer away from the others.
        return await asyncio.shield(self._answers[path])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known once.

    ``origins`` says of each setting whether it is a flag, environment, file or default. When
    ``broken`` is not empty it says why the settings could not be read: ``settings`` are then the
    best that could be had without. ``stranger`` asks the router as somebody without a password who
    comes from elsewhere. ``program`` is where OpenCode would be started from, as
    ``serve`` finds it. ``clock`` returns POSIX seconds. The roots are arguments for tests.
    """

    settings: Settings
    origins: Mapping[str, str]
    config: Path
    broken: str
    router: Router
    stranger: Router
    program: str
    environment: Mapping[str, str]
    home: Path
    clock: Callable[[], float]
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    etc: Path = Path("/etc")
