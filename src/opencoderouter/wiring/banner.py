"""What the router prints when it starts: where everything is."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from opencoderouter import __version__
from opencoderouter.core.managed import Managed
from opencoderouter.core.printable import printable
from opencoderouter.core.table import Table
from opencoderouter.settings import Settings
from opencoderouter.wiring.listen import is_loopback

_NOTHING = """
  No OpenCode server is running yet. To get a project, do one of these:
    ocr-router start DIRECTORY      starts `opencode serve` there
    opencode serve                  in a project's directory
    ocr-router serve DIRECTORY...   the router starts and stops them itself
"""


def opening(settings: Settings, sockets: Sequence[socket.socket]) -> str:
    """Return the first lines: dashboard, API, who can reach them."""
    home = f"http://localhost:{settings.port}"
    lines = [
        f"OpenCodeRouter {__version__}",
        f"  Dashboard  {home}/",
        f"  API        {home}/api/backends",
        f"  Network    {_network(settings.port, [item.getsockname()[0] for item in sockets])}",
    ]
    return "\n".join(lines)


def projects(table: Table, managed: Mapping[str, Managed], port: int) -> str:
    """Return a line for each project found or being started, or how to get one."""
    found = {project.directory: slug for slug, project in table.projects.items()}
    found |= {item: table.leases[item] for item in managed if item in table.leases}
    if not found:
        return _NOTHING
    lines = [
        f"  Project    http://{slug}.localhost:{port}/  {printable(directory)}"
        for directory, slug in sorted(found.items(), key=lambda item: item[1])
    ]
    return "\n".join([*lines, ""])


def _network(port: int, addresses: Sequence[str]) -> str:
    if all(map(is_loopback, addresses)):
        return "this machine only"
    own = next((item for item in addresses if item not in {"0.0.0.0", "::"}), outbound())  # noqa: S104
    host = f"[{own}]" if ":" in own else own
    return f"http://{host}:{port}/  EVERYBODY who can reach it gets a shell here (--auth off)"


def outbound() -> str:
    """Return the address this machine uses towards others. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
