"""What the router prints when it starts: where everything is."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from opencoderouter import __version__
from opencoderouter.announce import reach
from opencoderouter.core.managed import Managed
from opencoderouter.core.printable import printable
from opencoderouter.core.table import Table
from opencoderouter.fields import format_listening
from opencoderouter.kernel.addresses import interfaces
from opencoderouter.kernel.namespaces import (
    container_marks,
    sees_all_processes,
    sees_hardware,
    tells_users_apart,
)
from opencoderouter.settings import Settings
from opencoderouter.wiring.listen import is_loopback

_NAME = "ocr-router"
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - of all addresses
_ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1, RFC 5737
_NOTHING = """
  No OpenCode server is running yet. To get a project, do one of these:
    {program} start DIRECTORY      starts `opencode serve` there
    opencode serve{pad}                  in a project's directory
    {program} serve DIRECTORY...   the router starts and stops them itself
"""
_NOTHING_SEEN = """
  No OpenCode server is seen from inside of this container (see above), and none runs in it.
"""
_OTHERS = """
  This container runs as uid {uid}, gid {gid}, of whom no OpenCode server is seen here.
  It takes in those of its own user and group: --user UID:GID; `{program} doctor` tells more
"""


def opening(settings: Settings, bound: Sequence[str], announced: Sequence[str]) -> str:
    """Return the first lines: dashboard, API, who can reach them.

    ``bound`` are the addresses that the router listens on, ``announced`` those told to others.
    """
    home = f"{settings.scheme}://{_near(bound)}:{settings.port}"
    lines = [
        f"OpenCodeRouter {__version__}",
        f"  Dashboard  {home}/",
        f"  API        {home}/api/backends",
        f"  Network    {_network(settings, bound)}",
    ]
    if settings.mdns and announced and not _is_apart():
        names = f"{settings.scheme}://PROJECT-{settings.owner}.local:{settings.port}/"
        lines.append(f"  Names      {names}  on the network")
    lines += [f"  DNS        {format_listening(place)}" for place in settings.dns]
    if lost := _lost():
        lines.append(f"  Container  {lost}; `{_program()} doctor` tells more")
    if settings.tls_cert:
        certificate = printable(shlex.quote(str(settings.tls_cert)))
        ask = f"{_program()} ls --port {settings.port} --tls-cert {certificate}"
        lines.append(f"  Commands   `{ask}`, and so on")
    return "\n".join(lines)


def projects(
    table: Table,
    managed: Mapping[str, Managed],
    settings: Settings,
    bound: Sequence[str],
) -> str:
    """Return a line for each project found or being started, or how to get one."""
    found = {project.directory: slug for slug, project in table.projects.items()}
    found |= {item: table.leases[item] for item in managed if item in table.leases}
    if not found and _lost():
        return _NOTHING_SEEN
    program = _program()
    if not found and container_marks(os.environ) and shutil.which(settings.opencode) is None:
        return _OTHERS.format(uid=os.geteuid(), gid=os.getegid(), program=program)
    if not found:
        return _NOTHING.format(program=program, pad=" " * (len(program) - len(_NAME)))
    home = f"{_near(bound)}:{settings.port}"
    lines = [
        f"  Project    {settings.scheme}://{_of(slug, home)}  {printable(directory)}"
        for directory, slug in sorted(found.items(), key=lambda item: item[1])
    ]
    return "\n".join([*lines, ""])


def _lost() -> str:
    """Return what is not seen from inside of a container, and what would show it."""
    if not container_marks(os.environ):
        return ""
    pid = " --pid host" if tells_users_apart() else ""  # shows nothing to users of its own
    if _is_apart():
        return f"servers outside are not found without --network host{pid}, or --backend"
    if pid and sees_all_processes():
        return ""
    without = f", without{pid}" if pid else ""
    return f"servers outside are found on --scan-start to --scan-end only{without}"


def _is_apart() -> bool:
    """Tell whether this is a container with a network of its own."""
    return bool(container_marks(os.environ)) and not sees_hardware()


def _near(bound: Sequence[str]) -> str:
    """Return the host by which the router is reached on this machine."""
    some = [item for item in bound if item not in _EVERYWHERE]
    if len(some) < len(bound) or any(map(is_loopback, some)):
        return "localhost"
    return f"[{some[0]}]" if ":" in some[0] else some[0]


def _of(slug: str, home: str) -> str:
    """Return where a project is: below an address it has no host of its own."""
    return f"{slug}.{home}/" if home.startswith("localhost:") else f"{home}/{slug}/"


def _network(settings: Settings, addresses: Sequence[str]) -> str:
    if all(map(is_loopback, addresses)):
        asks = f"; asks you, too, for the password{_where(settings)}"
        return f"this machine only{asks if settings.auth == 'always' else ''}"
    own = next((item for item in addresses if item not in _EVERYWHERE), outbound())
    host = f"[{own}]" if ":" in own else own
    url = f"{settings.scheme}://{host}:{settings.port}/"
    if _is_apart():
        url = f"by a published port (--publish {settings.port})"
    if settings.auth == "off":
        return f"{url}  EVERYBODY who can reach it gets a shell here (--auth off)"
    too = "; here, too (--auth always)" if settings.auth == "always" else ""
    return f"{url}  asks for the password{_where(settings)}{too}"


def _where(settings: Settings) -> str:
    if settings.password_from:
        return f" in {printable(settings.password_from)}"
    usual = Settings.model_fields["state_dir"].get_default(call_default_factory=True)
    state = shlex.quote(str(settings.state_dir))
    option = "" if settings.state_dir == usual else f" --state-dir {state}"
    return f": `{_program()} password{printable(option)}` shows it"


def _program() -> str:
    """Return our command as it can be typed here."""
    beside = Path(sys.argv[0]).with_name(_NAME)
    is_found = shutil.which(_NAME) is not None or not beside.is_file()
    return _NAME if is_found else shlex.quote(str(beside))


def outbound() -> str:
    """Return the address this machine uses towards others: without a way out, any that it has.

    Nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return next(iter(_own()), "127.0.0.1")
        return str(probe.getsockname()[0])


def _own() -> tuple[str, ...]:
    try:
        return reach.announced(reach.wanted(interfaces()), ["0.0.0.0"])  # noqa: S104 - of all addresses
    except OSError:
        return ()
