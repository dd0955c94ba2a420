"""``ocr-router health``: whether what runs here answers. Engines ask twice a minute, for ever.

So it does without the command line parser, the settings' library and the client of the other
commands: a fifth of their time, and a third of their memory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opencoderouter.cli.deadline import within
from opencoderouter.core.printable import printable
from opencoderouter.presence import Presence, look

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection

COMMANDS = ("serve", "dns")
_WAIT, _STATE = "--wait", "--state-dir"
_PATIENCE = 5.0  # seconds for an answer
_PAUSE = 0.1
_LARGEST = 1 << 16
# A question that our DNS server knows the answer to: PTR _opencode._tcp.local.
_QUESTION = b"\0\0\0\1\0\0\0\0\0\0\x09_opencode\x04_tcp\x05local\0\0\x0c\0\1"
_GOOD = {0, 3}  # there is such a name, or none
_ANSWERS = 0x80


def quick(arguments: Sequence[str]) -> int | None:
    """Run ``health`` as it is usually typed; return the exit code.

    None: these arguments, or the settings, are for the command line parser.
    """
    try:
        command, given = _taken(arguments)
        state = _expanded(given.get(_STATE) or usual_state())
        wait = seconds(given.get(_WAIT))
    except (ValueError, OSError):
        return None
    reason = trouble(state, command, wait)
    if reason:
        sys.stderr.write(f"ocr-router: {reason}\n")
    return 1 if reason else 0


def _taken(arguments: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the command, or "", and the options. Raises ValueError for all else."""
    command, options = "", dict[str, str]()
    words = iter(arguments)
    for word in words:
        if word in {_WAIT, _STATE} and (value := next(words, "")):
            options[word] = value
        elif word in COMMANDS and not command:
            command = word
        else:
            raise ValueError(word)
    return command, options


def _expanded(path: str) -> str:
    """Return a path with the home in it. Raises ValueError where nobody knows one."""
    path = os.path.expanduser(path)  # noqa: PTH111 - pathlib is slow to import
    if path.startswith("~"):
        raise ValueError(path)
    return path


def seconds(wait: str | None) -> float:
    """Return how long to wait. Raises ValueError when it is no duration."""
    if wait is None:
        return 0.0
    from opencoderouter.core.duration import parse_duration

    return parse_duration(wait)


def usual_state() -> str:
    """Return the state directory by the rules of ``settings``, without them.

    Raises ValueError or OSError for a config file that cannot be read.
    """
    if chosen := os.environ.get("OCR_STATE_DIR"):
        return chosen
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    named = os.environ.get("OCR_CONFIG")
    file = _expanded(named or f"{base}/opencoderouter/config.toml")
    if named or os.path.exists(file):  # noqa: PTH110 - pathlib is slow to import
        import tomllib

        with open(file, "rb") as opened:  # noqa: PTH123 - as above
            chosen = tomllib.load(opened).get("state_dir")
        if isinstance(chosen, str):
            return chosen
        if chosen is not None:
            raise ValueError(chosen)
    return f"{os.environ.get('XDG_STATE_HOME') or '~/.local/state'}/opencoderouter"


def trouble(state: str, command: str, wait: float) -> str:
    """Return why something does not answer that runs here, and "" when all is well.

    ``command`` is one of ``COMMANDS``; "" means each that runs. What does not answer is asked
    again for so many seconds.
    """
    end = time.monotonic() + wait
    while (reason := _trouble(state, command)) and time.monotonic() < end:
        time.sleep(_PAUSE)
    return reason


def _trouble(state: str, command: str) -> str:
    wanted = [one for one in look(state) if command in {"", one.kind}]
    if not wanted:
        name = command or "serve"
        return f"no `ocr-router {name}` runs here (by {state}; --state-dir names another place)"
    return next(filter(None, map(_ask, wanted)), "")


def _ask(one: Presence) -> str:
    """Return what is wrong with one, or ""."""
    host = f"[{one.address}]" if ":" in one.address else one.address
    where = f"{one.scheme}://{host}:{one.port}"
    try:
        asked = _asked_dns if one.kind == "dns" else _asked_router
        reason = within(_PATIENCE, asked, one)
    except OSError as error:
        reason = f"no answer ({error.strerror or error})"
    return f"{where}: {reason}" if reason else ""


def _asked_router(one: Presence) -> str:
    import json
    from http.client import HTTPException

    connection = _connection(one)
    try:
        connection.request("GET", "/api/health", headers={"Host": f"localhost:{one.port}"})
        told = json.loads(connection.getresponse().read(_LARGEST))
    except (HTTPException, ValueError, RecursionError):
        return "what answers there is not a router"
    finally:
        connection.close()
    if isinstance(told, dict) and told.get("healthy") is True:
        return ""
    detail = told.get("detail") if isinstance(told, dict) else None
    return printable(str(detail or "what answers there is not a router"))


def _connection(one: Presence) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    if one.scheme == "https":
        context = _unverified()
        return HTTPSConnection(one.address, one.port, timeout=_PATIENCE, context=context)
    return HTTPConnection(one.address, one.port, timeout=_PATIENCE)


def _unverified() -> ssl.SSLContext:
    """Return a context that takes every certificate.

    It is the process that has told where it listens, on this machine; nothing secret is sent, and
    all that is believed of the answer is a yes.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _asked_dns(one: Presence) -> str:
    import socket

    family = socket.AF_INET6 if ":" in one.address else socket.AF_INET
    question = os.urandom(2) + _QUESTION
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_PATIENCE)
        asking.connect((one.address, one.port))
        asking.send(question)
        answer = asking.recv(_LARGEST)
    if answer[:2] != question[:2] or len(answer) < len(_QUESTION) or not answer[2] & _ANSWERS:
        return "what answers there is not a DNS server"
    code = answer[3] & 0x0F
    return "" if code in _GOOD else f"the DNS server fails (code {code})"
