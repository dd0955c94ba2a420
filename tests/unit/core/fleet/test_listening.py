"""Sockets as the script tells of them: what they are, and where they are asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.basic import basic
from opencoderouter.core.fleet.listening import Place, read_places
from opencoderouter.core.fleet.model import Endpoint, Server

SERVE = "opencode\0serve\0--port\0004096"


def line(
    *,
    pid: int = 7,
    address: str = "0100007F:1000",
    cwd: str = "/p",
    argv: str = SERVE,
    env: str = "",
) -> str:
    """Return a line as the script prints it."""
    words = (text.encode().hex() or "-" for text in (f"{cwd}\n", argv, env))
    return f"server {pid} {address} {' '.join(words)}"


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("0100007F:1000", "127.0.0.1", 4096),
        ("00000000:1F90", "127.0.0.1", 8080),
        ("0705A8C0:1000", "192.168.5.7", 4096),
        ("00000000000000000000000001000000:1000", "::1", 4096),
        ("00000000000000000000000000000000:1000", "127.0.0.1", 4096),
        ("0000000000000000FFFF00000100007F:1000", "127.0.0.1", 4096),
        ("*:4096", "127.0.0.1", 4096),
        ("127.0.0.1:4096", "127.0.0.1", 4096),
        ("[::1]:4096", "::1", 4096),
    ],
)
def test_address(address: str, host: str, port: int) -> None:
    """An address of /proc or of lsof becomes one that a client on the host connects to."""
    (place,) = read_places(line(address=address))
    assert (place.server.address, place.server.port) == (host, port)


@pytest.mark.parametrize("address", ["zz:1", "0100007F:0000", "1.2.3:80", "*:99999", "::::1:80"])
def test_no_address(address: str) -> None:
    """What is no address is left out."""
    assert read_places(line(address=address)) == ()


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        ("opencode\0serve", "server"),
        ("/home/a/.opencode/bin/opencode", "server"),
        ("node\0/usr/lib/node_modules/opencode-ai/bin/opencode\0web", "server"),
        ("/usr/bin/python3\0/usr/bin/ocr-router\0serve", "router"),
        ("/usr/bin/python3\0-m\0opencoderouter.cli.router", "router"),
        ("/usr/bin/python3\0/usr/bin/opencoderouter", "router"),
        ("/usr/bin/python3\0server.py\0/srv/opencode", ""),
        ("vim\0/srv/x/opencode.json", ""),
        ("", ""),
    ],
)
def test_kind(argv: str, kind: str) -> None:
    """The program says what it is; a word somewhere among its arguments proves nothing."""
    found = read_places(line(argv=argv))
    assert ["router" if place.is_router else "server" for place in found] == [kind] * bool(kind)


def test_directory() -> None:
    """A directory comes with all its characters; one that was removed is known by its name."""
    places = [
        read_places(line(cwd=cwd))[0].server.directory
        for cwd in ("/home/a b\n$(x)", "/gone (deleted)", "")
    ]
    assert places == ["/home/a b\n$(x)", "/gone", ""]


def test_password() -> None:
    """Of a server that a router has started the password is known; a person's own is not used."""
    secret = "OPENCODE_SERVER_PASSWORD=hush:hush\n"
    (managed,) = read_places(line(env=f"OCR_SERVER_ID=x\n{secret}"))
    assert managed.endpoint == Endpoint(4096)
    assert managed.endpoint.authorization == basic("opencode", "hush:hush")
    assert managed.server.managed
    (named,) = read_places(line(env=f"OCR_SERVER_ID=x\n{secret}OPENCODE_SERVER_USERNAME=me"))
    assert named.authorization == basic("me", "hush:hush")
    (own,) = read_places(line(env=secret))
    assert own == Place(Server(4096, pid=7, directory="/p"))
    assert own.authorization is None


def test_secret_is_not_shown() -> None:
    """Nothing that is printed has the password."""
    (place,) = read_places(line(env="OCR_SERVER_ID=x\nOPENCODE_SERVER_PASSWORD=hush"))
    assert place.authorization is not None
    assert place.authorization not in f"{place!r}{place.endpoint!r}"


def test_shared_socket() -> None:
    """Workers share a socket: it is that of the first process."""
    text = "\n".join(line(pid=pid, argv="python\0ocr-router") for pid in (30, 9, 100))
    assert [place.server.pid for place in read_places(text)] == [9]


def test_a_crowd_of_sockets() -> None:
    """A host that shows sockets without end does not keep us busy with them."""
    lines = "\n".join(line(pid=pid, address=f"127.0.0.1:{pid}") for pid in range(1, 5_000))
    places = read_places(lines)
    assert [place.server.port for place in places] == list(range(1, 101))


@given(st.text() | st.text(alphabet="server 0123456789abcdefABCDEF-:\n", min_size=10))
def test_never_raises(text: str) -> None:
    """Any lines are read."""
    read_places(text)
    read_places("\n".join(f"server {word} x - - -" for word in text.split()))
