"""Projects whose servers the router starts, watches and stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from opencoderouter.core.model import Status


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed project as its supervisor sees it.

    ``status`` is ``starting``, ``ready`` (its server has answered), ``failed`` (waiting before the
    next try, ``reason`` says why) or ``stopped``. ``pid`` and ``port`` are those of its server.
    """

    directory: str
    status: Status
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    reason: str = ""


class Supervisor(Protocol):
    """What API and dashboard may ask of the launcher. Directories are absolute paths."""

    @property
    def managed(self) -> Mapping[str, Managed]:
        """Return the managed projects by directory."""
        ...

    def follow(self) -> AsyncIterator[Mapping[str, Managed]]:
        """Yield the managed projects of now, then the newest after each change."""
        ...

    async def start(self, directory: str) -> None:
        """Start the server unless it runs. Raises KeyError when the directory is not managed."""
        ...

    async def stop(self, directory: str) -> None:
        """Stop the server and its tools; returns when they are gone."""
        ...

    async def restart(self, directory: str) -> None:
        """Stop, then start."""
        ...

    def log(self, directory: str) -> tuple[str, ...]:
        """Return the last lines the server printed, oldest first."""
        ...
