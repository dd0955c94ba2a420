"""One attempt to connect; tests/fleet/test_parity.py has what comes of each."""

from __future__ import annotations

import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fabric import Connection
from tests.rig.harbour import Harbour, silent
from tests.rig.wait import until

from opencoderouter.core.fleet.model import HostState, Resolved, Unreached
from opencoderouter.fleet.known_hosts import Known
from opencoderouter.fleet.transport.opening import Opening, close
from opencoderouter.fleet.transport.wire import Wire
from opencoderouter.fleet.verdict import Mends

pytestmark = pytest.mark.sshd
KNOWN = Known("a")


def opening(port: int, known: Known = KNOWN, limit: float = 60) -> tuple[Opening, socket.socket]:
    """Return an attempt at a server, and its socket."""
    sock = socket.create_connection(("127.0.0.1", port))
    host = Resolved("a", "127.0.0.1", "root", port)
    return Opening(host, lambda: known, sock, limit, Mends(("learn",), ("forget",))), sock


def ended() -> bool:
    """Tell whether no thread of an attempt is left."""
    return not any(isinstance(one, Wire | threading.Timer) for one in threading.enumerate())


def test_aborting() -> None:
    """Whoever waits gets an answer at once, and nothing is left; nor when nobody has begun."""
    with silent(b"SSH-2.0-Half\r\n") as server:
        one, sock = opening(server.port)
        results: list[object] = []
        thread = threading.Thread(target=lambda: results.append(one.run()))
        thread.start()
        until(lambda: one.phase == "in the key exchange")
        one.abort()
        thread.join(30)
        assert isinstance(results[0], Unreached)
        assert sock.fileno() == -1
        until(ended)
        early, sock = opening(server.port)
        early.abort()
        assert isinstance(early.run(), Unreached)
        assert sock.fileno() == -1
        until(ended)


def test_keys(harbour: Harbour) -> None:
    """A key is refused unless it is exactly one that is known; what it is stands in the reason."""
    port = harbour.sshd.port
    kind, key = (harbour.sshd.folder / "host_key.pub").read_text().split()[:2]
    one, _ = opening(port)
    unknown = one.run()
    assert isinstance(unknown, Unreached)
    assert (unknown.state, unknown.mend) == (HostState.HOST_KEY_UNKNOWN, ("learn",))
    assert f"{kind} SHA256:" in unknown.reason
    other = Known("a", ((kind, key[:-8] + "AAAAAAA="),))
    one, _ = opening(port, other)
    changed = one.run()
    assert isinstance(changed, Unreached)
    assert (changed.state, changed.mend) == (HostState.HOST_KEY_CHANGED, ("forget",))
    two = Known("a", (*other.keys, (kind, key)))  # a host may have two keys of one type
    one, _ = opening(port, two)
    denied = one.run()
    assert not isinstance(denied, Connection)
    assert getattr(denied, "state", None) is HostState.AUTH_REQUIRED
    until(ended)


def test_many_at_once(harbour: Harbour) -> None:
    """Attempts that begin at the same time do not get in each other's way."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = [pool.submit(opening(harbour.sshd.port)[0].run) for _ in range(40)]
            assert {type(one.result()) for one in made} == {Unreached}
    finally:
        sys.setswitchinterval(interval)
    until(ended)


def test_closing_twice() -> None:
    """What is closed can be closed."""
    with silent() as server:
        _, sock = opening(server.port)
        close(None, sock)
        close(None, sock)
