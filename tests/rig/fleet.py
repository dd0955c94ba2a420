"""A router and the projects that the end-to-end tests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.router import Router

from opencoderouter.kernel.credentials import authorization
from opencoderouter.kernel.processes import process


@dataclass(frozen=True, slots=True)
class Fleet:
    """A router with two managed git projects, ``alpha`` and ``beta``."""

    router: Router
    alpha: Path
    beta: Path

    @property
    def slug(self) -> str:
        """Return the slug of ``alpha``."""
        return str(self.router.ready(self.alpha)["slug"])

    @property
    def url(self) -> str:
        """Return the path-mode URL of ``alpha``, with a slash at its end."""
        return f"{self.router.url}/{self.slug}/"

    def authorization(self, directory: Path) -> str:
        """Return what opens a project's server to who comes directly."""
        entry = self.router.ready(directory)
        owner = process(entry["pid"])
        assert owner is not None
        found = authorization(owner, entry["port"])
        assert found is not None
        return found

    @property
    def host(self) -> str:
        """Return the host-mode authority of ``alpha``."""
        return f"{self.slug}.localhost:{self.router.port}"
