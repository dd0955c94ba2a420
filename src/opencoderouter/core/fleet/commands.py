r"""Every command line that is sent to a host or started for one; text in it is quoted here only.

A host runs what we send by the user's login shell, whichever that is. So a script goes to ``sh``
on its stdin (``scripts``), and the login shell sees ``exec /bin/sh -s`` alone. What needs the
terminal, and so its stdin, is one word for ``sh -c``, quoted by ``word`` for POSIX shells, csh and
fish alike.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.values import SESSION_ID
from opencoderouter.core.fleet.wire import authority

_ASK = re.compile(r"(per|que)_[0-9A-Za-z]{1,64}")
# Runs that are the same in single quotes for every shell, and what a backslash quotes in every one:
# `!` is history to csh even in quotes, a backslash escapes in fish's.
_PIECES = re.compile(r"([^'\\!]+)|(.)", re.DOTALL)
_ODD = re.compile(r"[\x00-\x1f\x7f]")


def is_session(text: str) -> bool:
    """Tell whether it is the id of a session: nothing else goes into a command, path or SQL."""
    return SESSION_ID.fullmatch(text) is not None


def is_ask(text: str) -> bool:
    """Tell whether it is the id of a permission or a question."""
    return _ASK.fullmatch(text) is not None


def is_place(text: str) -> bool:
    """Tell whether it may name a directory of a host: absolute, or below the user's own (``~``)."""
    absolute = text.startswith(("/", "~/")) or text == "~"
    return absolute and "\0" not in text


def word(text: str) -> str:
    """Quote text as one word for sh, bash, zsh, csh and fish. It has no control characters."""
    pieces = _PIECES.findall(text)
    return "".join(f"'{same}'" if same else f"\\{odd}" for same, odd in pieces) or "''"


def sh_word(text: str) -> str:
    """Quote text as one word for ``sh`` on one line; of odd text newlines at the end are lost."""
    return f'"$({_printed(text)})"' if _ODD.search(text) else shlex.quote(text)


def enter(directory: str) -> str:
    """Return what goes to a directory, on one line; ``~`` is the home of the user there."""
    if directory == "~":
        return "cd"
    if directory.startswith("~/"):
        return f"cd && {enter(f'./{directory[2:]}')}"
    if _ODD.search(directory):  # a command substitution would drop newlines at the end
        return f'd=$({_printed(f"{directory}.")}) && cd -- "${{d%.}}"'
    return f"cd -- {shlex.quote(directory)}"


def _printed(text: str) -> str:
    octal = "".join(f"\\0{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
    return f"printf %b {shlex.quote(octal)}"


def at_terminal(ssh: Sequence[str], alias: str, script: str, **options: object) -> tuple[str, ...]:
    """Return what runs a script of one line at a terminal of a host. ``ssh`` is the user's own."""
    command = f"exec sh -c {word(script)}"
    return (*ssh, "-t", *_options(options), "--", alias, command)


def shown(ssh: Sequence[str], alias: str, script: str) -> str:
    """Return what a person would type for ``at_terminal``."""
    return f"{shlex.join((*ssh, '-t', alias))} {shlex.quote(script)}"


def _options(values: Mapping[str, object]) -> tuple[str, ...]:
    said = {True: "yes", False: "no"}
    pairs = ((name, said[v] if isinstance(v, bool) else v) for name, v in values.items())
    return tuple(part for name, value in pairs for part in ("-o", f"{name}={value}"))


def opening(program: str, directory: str, session: str) -> str:
    """Return the script that opens a session in its directory with a server of its own."""
    return f"{enter(directory)} && exec {sh_word(program)} -s {shlex.quote(session)}"


def joining(program: str, directory: str, session: str, place: Place) -> str:
    """Return the script that opens a session at a server on the same host.

    A password of ours comes from the server's own environment: it never leaves the host.
    """
    url = shlex.quote(f"http://{authority(place.endpoint)}")
    run = f"exec {sh_word(program)} attach {url} -s {shlex.quote(session)}"
    secret = _password_of(place.server.pid) if place.authorization else ""
    return f"{enter(directory)} && {secret}{run}"


def _password_of(pid: int | None) -> str:
    names = ("OPENCODE_SERVER_PASSWORD", "OPENCODE_SERVER_USERNAME")
    read = " && ".join(f"{name}=$(e {name}) && export {name}" for name in names)
    file = f"/proc/{pid}/environ"
    return f"""e() {{ tr '\\0' '\\n' <{file} | sed -n "s/^$1=//p"; }}; {read} && """
