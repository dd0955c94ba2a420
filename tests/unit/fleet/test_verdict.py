"""Words and errors, and what they mean."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable

import pytest

from opencoderouter.core.fleet.model import HostState, Resolved, Unreached
from opencoderouter.core.fleet.transport import NotForwarded
from opencoderouter.fleet import verdict
from opencoderouter.fleet.verdict import Mends

HOST = Resolved("web", "10.0.0.1", "me", 22)
FAR = Resolved("far", "10.0.0.2", "me", 22, jumps=("gate",))
FARTHER = Resolved("farther", "10.0.0.3", "me", 22, jumps=("outer", "inner"))
MENDS = Mends(("learn",), ("forget", "learn"), ("log in",))
CLOSED = "kex_exchange_identification: Connection closed by remote host\n"
CLOSED += "Connection closed by UNKNOWN port 65535\n"
AUTH, UNREACHABLE = HostState.AUTH_REQUIRED, HostState.UNREACHABLE
DIRECT = [
    ("ssh: connect to host 10.0.0.1 port 22: Connection refused", UNREACHABLE, "refused"),
    ("ssh: connect to host 10.0.0.1 port 22: No route to host", UNREACHABLE, "no route"),
    ("ssh: connect to host 10.0.0.1 port 22: Network is unreachable", UNREACHABLE, "network is"),
    ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", UNREACHABLE, "timed out"),
    ("ssh: connect to host 10.0.0.1 port 22: Operation timed out", UNREACHABLE, "timed out"),
    (
        "Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out",
        UNREACHABLE,
        "version exchange",
    ),
    (
        "ssh: Could not resolve hostname nix: Name or service not known",
        UNREACHABLE,
        "the name nix is not known",
    ),
    (
        "ssh: Could not resolve hostname nix: nodename nor servname provided, or not known",
        UNREACHABLE,
        "the name nix is not known",
    ),
    ("kex_exchange_identification: read: Connection reset by peer", UNREACHABLE, "closed"),
    ("Connection closed by 10.0.0.1 port 22", UNREACHABLE, "closed"),
    ("Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", AUTH, "many"),
    ("Host key verification failed.", HostState.HOST_KEY_UNKNOWN, "not known"),
    (
        "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.",
        HostState.HOST_KEY_UNKNOWN,
        "not known",
    ),
    (
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nThe key is\nSHA256:ab+/9.\n",
        HostState.HOST_KEY_CHANGED,
        "SHA256:ab+/9",
    ),
    (
        "@       WARNING: REVOKED HOST KEY DETECTED!               @",
        HostState.HOST_KEY_CHANGED,
        "rev",
    ),
    (
        "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: x",
        HostState.ERROR,
        "no matching cipher",
    ),
    ("", HostState.ERROR, "did not say why"),
]


@pytest.mark.parametrize(("text", "state", "words"), DIRECT)
def test_what_ssh_says(text: str, state: HostState, words: str) -> None:
    """What ssh prints is one state, and the reason is in its words."""
    found = verdict.of_ssh(text, HOST, MENDS, ())
    assert (found.state, words in found.reason) == (state, True), found


@pytest.mark.parametrize(
    ("methods", "locked", "how"),
    [
        ("publickey,password", (), "password"),
        ("publickey,keyboard-interactive", (), "keyboard-interactive"),
        ("publickey", (), "key"),
        ("publickey,password", ("/k",), "key passphrase"),
        ("password", ("/k",), "password"),
        ("hostbased", (), "key"),
    ],
)
def test_how_to_log_in(methods: str, locked: tuple[str, ...], how: str) -> None:
    """What a host wants is told from what it offers, and from the keys that are there."""
    text = f"me@10.0.0.1: Permission denied ({methods})."
    found = verdict.of_ssh(text, HOST, MENDS, locked)
    assert (found.state, found.how, found.mend) == (AUTH, how, ("log in",))


def test_mends_fit() -> None:
    """An unknown key is to be learnt, a changed one to be forgotten before."""
    assert verdict.of_ssh("Host key verification failed.", HOST, MENDS, ()).mend == ("learn",)
    changed = "REMOTE HOST IDENTIFICATION HAS CHANGED"
    assert verdict.of_ssh(changed, HOST, MENDS, ()).mend == ("forget", "learn")


def test_a_jump_host_that_is_not_reached() -> None:
    """What was said on the way is of the jump host, not of the host behind it."""
    text = f"ssh: connect to host gate port 22: Connection refused\n{CLOSED}"
    expected = Unreached(HostState.BLOCKED, "gate: connection refused", blocked_by="gate")
    assert verdict.of_ssh(text, FAR, MENDS, ()) == expected
    text = f"Permission denied, please try again.\nme@gate: Permission denied (password).\n{CLOSED}"
    found = verdict.of_ssh(text, FAR, MENDS, ())
    assert (found.state, found.how, found.mend) == (HostState.BLOCKED, "password", ("log in",))


def test_which_jump_host() -> None:
    """The one that is named is meant; where none is, the first."""
    named = f"ssh: connect to host inner port 22: Connection refused\n{CLOSED}"
    assert verdict.of_ssh(named, FARTHER, MENDS, ()).blocked_by == "inner"
    nameless = f"Host key verification failed.\n{CLOSED}"
    assert verdict.of_ssh(nameless, FARTHER, MENDS, ()).blocked_by == "outer"


def test_a_host_that_its_jump_host_does_not_reach() -> None:
    """The jump host is there; the host behind it refuses, or it forwards nothing."""
    text = f"channel 0: open failed: connect failed: Connection refused\n{CLOSED}"
    found = verdict.of_ssh(text, FAR, MENDS, ())
    assert found == Unreached(UNREACHABLE, "connection refused (from gate)")
    text = f"channel 0: open failed: administratively prohibited: open failed\n{CLOSED}"
    found = verdict.of_ssh(text, FAR, MENDS, ())
    assert (found.state, found.blocked_by) == (HostState.BLOCKED, "gate")


def test_a_host_behind_a_jump_host_that_says_no_itself() -> None:
    """What comes from the end of the way is of the host."""
    assert verdict.of_ssh("me@x: Permission denied (publickey).", FAR, MENDS, ()).state is AUTH
    assert verdict.of_ssh(CLOSED, FAR, MENDS, ()).state is UNREACHABLE


def test_nested_jump_hosts() -> None:
    """The first host that is not reached is named, and its reason, once."""
    first = verdict.behind("outer", Unreached(UNREACHABLE, "connection refused"))
    second = verdict.behind("inner", first)
    assert (second.reason, second.blocked_by) == ("outer: connection refused", "outer")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "connection refused"),
        (errno.EHOSTUNREACH, "no route to host"),
        (errno.EACCES, os.strerror(errno.EACCES)),
    ],
)
def test_sockets(number: int, words: str) -> None:
    """Errors of sockets say the same as ssh."""
    found = verdict.of_socket(OSError(number, os.strerror(number)), "web")
    assert found == Unreached(UNREACHABLE, words)


def test_names() -> None:
    """A name that is not known is named."""
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert "the name web is not known" in verdict.of_socket(error, "web").reason


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("open failed: connect failed: Connection refused", NotForwarded("connection refused")),
        ("open failed: connect failed: ", NotForwarded("connection refused")),
        (
            "open failed: administratively prohibited: open failed",
            NotForwarded("the host does not forward connections", prohibited=True),
        ),
        ("open failed: unknown channel type: what", NotForwarded("what")),
    ],
)
def test_forwardings(text: str, answer: NotForwarded) -> None:
    """A port where nothing listens is told from a host that forwards nothing."""
    assert verdict.not_forwarded(text) == answer


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("me@gate: Permission denied (password).", HostState.BLOCKED),
        ("channel 0: open failed: connect failed: Connection refused", UNREACHABLE),
        ("nc: command not found", HostState.BLOCKED),
    ],
)
def test_proxy_commands(said: str, state: HostState) -> None:
    """What a ProxyCommand says last is the reason."""
    assert verdict.of_proxy_command(said).state is state


@pytest.mark.parametrize(("seconds", "shown"), [(3, "3 s"), (0.9991, "1 s"), (2.46, "2.5 s")])
def test_time_limits(seconds: float, shown: str) -> None:
    """A limit is shown as a person would say it."""
    assert verdict.late("at the login", seconds).reason == f"timed out after {shown} at the login"
    assert verdict.too_slow(seconds).reason == f"the command took longer than {shown}"


HOSTILE = [
    "Permission denied (",
    "Permission denied (publickey,",
    "open failed: a ",
    "open failed: a: ",
    "Could not resolve hostname x",
    "Connection to x",
    "No x",
    "try again",
    "SHA256:a",
    "gate ",
    " \n",
]


def seconds(work: Callable[[], object]) -> float:
    """Return the least of what it takes."""
    series = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        series.append(time.perf_counter() - began)
    return min(series)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text(piece: str) -> None:
    """Ten times the text of a host takes nothing like a hundred times the time."""

    def judge(size: int) -> None:
        text = (piece * size)[:size]
        verdict.of_ssh(text, HOST, MENDS, ())
        verdict.of_ssh(f"{text}\n{CLOSED}", FAR, MENDS, ())
        verdict.of_proxy_command(text)
        verdict.not_forwarded(text)

    assert seconds(lambda: judge(200_000)) < 20 * seconds(lambda: judge(20_000))


def test_the_last_word_counts() -> None:
    """However much a host says before, ssh has the last word; a reason has one line."""
    text = f"{'banner ' * 50_000}\nme@x: Permission denied (publickey,password).\n"
    assert verdict.of_ssh(text, HOST, MENDS, ()).how == "password"
    assert len(verdict.of_ssh("x" * 50_000, HOST, MENDS, ()).reason) <= 500
