"""What a person's terminal runs: a session's TUI, and what a host wants before it lets us in."""

from __future__ import annotations

import asyncio
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from opencoderouter.core.fleet import commands
from opencoderouter.core.fleet.commands import is_place, is_session
from opencoderouter.core.fleet.control import Failed, Foreground
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Resolved, SessionRef
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.core.fleet.transport import Completed, Link
from opencoderouter.core.printable import printable
from opencoderouter.fleet import openssh, process
from opencoderouter.fleet.actions.site import Here, Site
from opencoderouter.fleet.expansion import expanded_path

_CHECK = 5.0  # seconds
_MARGIN = 5.0  # seconds beyond what it takes to connect
_WANTS_PERSON = frozenset({"password", "keyboard-interactive", "key passphrase"})


async def attach(site: Site, ssh: Ssh, session: SessionRef) -> Foreground | Failed:
    """Return what opens a session in a terminal: at a server of its directory where one runs.

    ``opencode attach`` runs on the host, beside that server: nothing is forwarded, no OpenCode is
    needed here, and a password stays where it is. Two servers know nothing of each other's work,
    so the one that is at work on the session is taken.
    """
    if not is_session(session.id):
        return site.failed("this is no id of a session")
    if not is_place(session.directory):
        return site.failed("the session's directory is not known")
    here = await site.here()
    if isinstance(here, Failed):
        return here
    place = await _best(site, here, session)
    if place is None:
        script = commands.opening(site.program, session.directory, session.id)
    else:
        script = commands.joining(site.program, session.directory, session.id, place)
    return await _foreground(site, ssh, script)


async def _best(site: Site, here: Here, session: SessionRef) -> Place | None:
    """Return the server to join; None where none of the directory's lets us in."""
    first: Place | None = None
    for place in here.of(session.directory):
        busy = await site.busy(place, session.directory)
        if not isinstance(busy, Failed):
            if session.id in busy:
                return place
            first = first or place
    return first


async def _foreground(site: Site, ssh: Ssh, script: str) -> Foreground:
    if site.host.local:
        return Foreground(("sh", "-c", script), script)
    program, alias = openssh.command(ssh), site.host.alias
    limit = max(1, math.ceil(ssh.connect_timeout))
    options: dict[str, object] = {"BatchMode": ssh.batch_mode, "ConnectTimeout": limit}
    path = openssh.control_path(ssh, alias)
    if path and await _is_open(program, alias, path):
        options |= {"ControlMaster": False, "ControlPath": path}
    argv = commands.at_terminal(program, alias, script, **options)
    return Foreground(argv, commands.shown(program, alias, script))


async def _is_open(program: Sequence[str], alias: str, path: str) -> bool:
    """Tell whether there is a connection of ours that others may use; else the user's own are."""
    argv = [*program, "-o", f"ControlPath={path}", "-O", "check", "--", alias]
    try:
        async with asyncio.timeout(_CHECK):
            done = await process.run(argv, environment=openssh.environment())
    except (TimeoutError, OSError):
        return False
    return isinstance(done, Completed) and done.code == 0


async def login(
    link: Link, entry: Entry, ssh: Ssh, environment: Mapping[str, str]
) -> tuple[Foreground, ...] | Failed:
    """Return what a person runs so that a host lets us in, in order.

    What forgets a host key is never run from here: somebody may be in between.
    """
    alias = entry.host.alias
    why = await link.run("exit 0", within=ssh.connect_timeout + _MARGIN)
    if isinstance(why, Completed):
        return Failed(f"{printable(alias)}: it lets us in already")
    if why.how == "key passphrase" and environment.get("SSH_AUTH_SOCK"):
        keys = _locked(entry.resolved, why.reason)
        if keys:
            return tuple(_program("ssh-add", "--", key) for key in keys)
    if why.how in _WANTS_PERSON:
        # Through the whole chain of jump hosts: it asks for what each of them wants.
        path = openssh.control_path(ssh, alias)
        if path:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return (_program(*openssh.login(ssh, alias, path)),)
    found = [shlex.split(one) for one in why.mend]
    if why.how or not found or any(one[:1] != ["ssh"] for one in found):
        return Failed(f"{printable(alias)}: {printable(why.reason)}", "", why.mend)
    return tuple(_program(*one) for one in found)


def _locked(resolved: Resolved | None, reason: str) -> list[str]:
    """Return the key files that the host would take, and that have a passphrase."""
    names = resolved.options.get("identityfile", ()) if resolved is not None else ()
    paths = [str(expanded_path(name, resolved)) for name in names if resolved is not None]
    return [path for path in dict.fromkeys(paths) if path in reason]


def _program(*argv: str) -> Foreground:
    return Foreground(argv, shlex.join(argv))
