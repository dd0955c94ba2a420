"""The password, and who could reach the router without one."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from opencoderouter.core.model import Listener
from opencoderouter.doctor.facts import Answered, Facts, Unanswered
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.modes import closing
from opencoderouter.doctor.thread import in_thread, threaded
from opencoderouter.kernel.addresses import interfaces, is_here
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.settings import Settings
from opencoderouter.wiring.holder import user_name
from opencoderouter.wiring.listen import is_loopback

_PASSWORD, _EXPOSURE = "password", "exposure"
_OTHERS = 0o077
_SHORTEST = 8  # characters
_WHY = "Whoever is not you on this machine is asked for it: who knows it runs commands as you."
_WILD = {"0.0.0.0", "::"}  # noqa: S104 - compared only


def password(facts: Facts) -> Iterable[Finding]:
    """Tell which password holds, and whether others could know it."""
    settings = facts.settings
    if settings.auth == "off":
        return (Finding(_PASSWORD, Status.SKIPPED, "Nobody is asked for one (--auth off)"),)
    file = settings.password_file
    if settings.password is None and file is not None:
        return (_file(file),)
    return (_where(settings),)


def _where(settings: Settings) -> Finding:
    if settings.password is not None:
        return Finding(_PASSWORD, Status.OK, f"Your own is in {settings.password_from}")
    if settings.sources.secrets.path.exists():
        text = "A random one is in the state directory; `ocr-router password` shows it"
        return Finding(_PASSWORD, Status.OK, text)
    return Finding(_PASSWORD, Status.OK, "A random one will be drawn when the router starts")


def _file(file: Path) -> Finding:
    shown = shlex.quote(str(file))
    try:
        there = file.lstat()
        first = file.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        text = f"--password-file {file} cannot be read"
        mends = ("ocr-router serve --password-file FILE",)
        return Finding(_PASSWORD, Status.ERROR, text, (str(error.strerror),), _WHY, mends)
    if there.st_uid != os.geteuid():
        text = f"--password-file {file} belongs to {user_name(there.st_uid)}"
        mends = (shlex.join(["sudo", "chown", user_name(os.geteuid()), str(file)]),)
        return Finding(_PASSWORD, Status.ERROR, text, (), _WHY, mends)
    if stat.S_IMODE(there.st_mode) & _OTHERS and not stat.S_ISLNK(there.st_mode):
        return _open(file, stat.S_IMODE(there.st_mode))
    if len(first.decode(errors="replace")) < _SHORTEST:
        text = f"The first line of --password-file {file} has fewer than {_SHORTEST} characters"
        mends = (f"(umask 077; openssl rand -base64 18 > {shown})",)
        return Finding(_PASSWORD, Status.ERROR, text, (), _WHY, mends)
    return Finding(_PASSWORD, Status.OK, f"Your own is in {file}")


def _open(file: Path, mode: int) -> Finding:
    shown = shlex.quote(str(file))
    text = f"Other users have access to --password-file {file}"
    seen = (f"mode {mode:o}",)
    return Finding(
        _PASSWORD,
        Status.ERROR,
        text,
        seen,
        _WHY,
        (f"chmod go= {shown}",),
        closing(file, mode, _OTHERS),
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can come in: ``bound`` are the addresses, ``own`` those under which others know us."""

    bound: tuple[str, ...]
    own: tuple[str, ...]
    open_: bool
    secure: bool
    runs: bool

    @property
    def seen(self) -> tuple[str, ...]:
        """Return what is told of it."""
        verb = "listens on" if self.runs else "would listen on"
        at = f"reached as {', '.join(self.own)}"
        kind = "HTTPS" if self.secure else "plain HTTP"
        who = "asks nobody" if self.open_ else "asks others for the password"
        return (f"{verb} {', '.join(self.bound)}", *([at] if self.own else []), f"{kind}, {who}")


async def exposure(facts: Facts) -> Iterable[Finding]:
    """Tell who could reach the router, and what keeps them out."""
    stranger = await facts.stranger.get("/api/health")
    hostname = facts.settings.hostname
    if isinstance(stranger, Unanswered) and stranger.down and not is_here(hostname):
        text = f"The router cannot listen on {hostname} (see port)"
        return (Finding(_EXPOSURE, Status.SKIPPED, text),)
    return (judge(await in_thread(_reach, facts, stranger)),)


def _is_open(said: object) -> bool | None:
    """Tell whether a router lets strangers in; None: that is no router's answer."""
    if not isinstance(said, dict) or "healthy" not in said:
        return None
    return "version" in said  # it is told to those only who are let in


def _reach(facts: Facts, stranger: Answered | Unanswered) -> Reach:
    settings = facts.settings
    is_open = _is_open(stranger.body) if isinstance(stranger, Answered) else None
    https = isinstance(stranger, Unanswered) and stranger.https
    runs = https or is_open is not None
    ask = kernel_listeners(facts.proc) if runs else None
    every: frozenset[Listener] = ask() if ask else frozenset()
    held = sorted({one.address for one in every if one.port == settings.port})
    bound = tuple(held) or (settings.hostname,)
    own = tuple(
        address
        for one in interfaces()
        for address in one.addresses
        if _is_theirs(address) and (bool(_WILD & set(bound)) or address in bound)
    )
    off = settings.auth == "off" if is_open is None else is_open
    return Reach(bound, own, off, https or settings.scheme == "https", runs=runs)


def _is_theirs(address: str) -> bool:
    """Tell whether others can have an address in a URL."""
    return not (is_loopback(address) or ip_address(address).is_link_local)


def judge(reach: Reach) -> Finding:
    """Return what it means who can reach the router."""
    if all(map(is_loopback, reach.bound)):
        return Finding(_EXPOSURE, Status.OK, "Only this machine can reach the router", reach.seen)
    if reach.open_:
        return Finding(
            _EXPOSURE,
            Status.ERROR,
            "Everybody who can reach the router runs commands as you",
            reach.seen,
            "OpenCode's agents run what they are told, and nobody is asked who they are "
            "(--auth off).",
            ("ocr-router serve --auth auto", "ocr-router serve --hostname 127.0.0.1"),
        )
    if reach.secure:
        text = "Others reach the router by HTTPS, with the password"
        return Finding(_EXPOSURE, Status.OK, text, reach.seen)
    return _plain(reach)


def _plain(reach: Reach) -> Finding:
    """Return what plain HTTP means: it is how names on the LAN work, it is not for the Internet."""
    public = [one for one in reach.own if ":" not in one and ip_address(one).is_global]
    return Finding(
        _EXPOSURE,
        Status.WARNING if public else Status.INFO,
        "The router's password goes over the Internet unprotected"
        if public
        else "Others reach the router over plain HTTP, with the password",
        reach.seen,
        "Whoever can read the traffic between a client and this machine can read the password "
        "and all that agents do. In a network of your own that may be what you want.",
        (
            "ocr-router serve --tls-cert FILE --tls-key FILE",
            "ocr-router serve --hostname 127.0.0.1  # and `ssh -L` from elsewhere",
        ),
    )


CHECKS = (
    Check(_PASSWORD, "The password", threaded(password)),
    Check(_EXPOSURE, "Who could reach the router", exposure),
)
