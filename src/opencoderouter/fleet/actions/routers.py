"""Projects that a router on a host manages, by its API."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opencoderouter.core.fleet import scripts, values
from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.wire import authority
from opencoderouter.fleet.actions.site import Here, Site

_SLUG = re.compile(r"[a-z0-9-]{1,63}")
_OK, _ACCEPTED = "200", "202"


@dataclass(frozen=True, slots=True)
class Managed:
    """A directory that a router manages."""

    router: Place
    slug: str


async def find(site: Site, here: Here, directory: str) -> Managed | None:
    """Return the router that manages a directory; None where none says that it does."""
    for router in here.routers:
        rows = values.rows(values.load(await _ask(site, router, "GET", "", _OK) or ""))
        for row in rows:
            mine = row.get("managed") is True and row.get("project_path") == directory
            slug = values.text(row.get("slug"))
            if mine and _SLUG.fullmatch(slug):
                return Managed(router, slug)
    return None


async def have(site: Site, managed: Managed, verb: str) -> Failed | None:
    """Have the router ``start`` or ``restart`` the server; it has then only begun."""
    done = await _ask(site, managed.router, "POST", f"/{managed.slug}/{verb}", _ACCEPTED)
    return None if done is not None else site.failed(f"the router there does not {verb} it")


async def _ask(site: Site, router: Place, method: str, path: str, wanted: str) -> str | None:
    url = f"http://{authority(router.endpoint)}/api/backends{path}"
    told = await site.tell(scripts.router(method, url))
    if isinstance(told, Failed) or told.words.get("status") != wanted:
        return None
    return told.detail
