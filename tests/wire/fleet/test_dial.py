"""Streams to SSH servers, before anybody speaks SSH."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.rig.wait import until

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.dial import Names, ProxyCommand, dial, limit_of

HOST = Resolved("a", "127.0.0.1", "me", 22)


async def test_the_first_address_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that refuses is not the end of it."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        found = [(socket.AF_INET, 1, 6, "", (one, port)) for one in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
        with await dial(HOST, Names(), 60) as one:
            assert one.getpeername() == ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        await dial(replace(HOST, port=port), Names(), 60)


async def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs one thread a name, keeps nobody else waiting, and can be given up."""
    go, asked = threading.Event(), list[str]()

    def look_up(host: str, *_: object) -> list[object]:
        asked.append(host)
        if host == "slow":
            go.wait()
        return [(socket.AF_INET, 1, 6, "", (host, 22))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    names = Names()
    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(names.addresses("slow", 22, 0)) for _ in range(3)]
        assert await names.addresses("fast", 22, 0) == [(socket.AF_INET, ("fast", 22))]
        slow[0].cancel()
        await asyncio.sleep(0)
        go.set()
    assert slow[1].result() == slow[2].result() == [(socket.AF_INET, ("slow", 22))]
    assert sorted(asked) == ["fast", "slow"]


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a" * 70, "."])
async def test_names_that_are_none(name: str) -> None:
    """Whatever is wrong with a name, nobody knows it."""
    with pytest.raises(socket.gaierror):
        await dial(replace(HOST, hostname=name), Names(), 60)


@pytest.mark.parametrize(("own", "limit"), [("7", 7), ("none", 3), ("0", 3), ("", 3)])
def test_limits(own: str, limit: float) -> None:
    """ConnectTimeout wins where it is one."""
    assert limit_of(replace(HOST, options={"connecttimeout": (own,)}), 3) == limit


def command(line: str) -> ProxyCommand:
    """Start a ProxyCommand."""
    return ProxyCommand(replace(HOST, proxy_command=line))


def test_a_program_as_stream() -> None:
    """It gets what is sent, and what it says comes; when it ends, so does the stream."""
    stream = command("head -c 3")
    stream.settimeout(60)
    assert stream.send(b"abc") == 3
    assert stream.recv(100) == b"abc"
    assert stream.recv(100) == b""
    stream.close()


def test_what_a_program_complains_of() -> None:
    """The end of what it says on its standard error is kept, and never stops it."""
    stream = command("sh -c 'yes no | head -c 200000 >&2; echo last >&2; cat'")
    stream.settimeout(0.05)

    def over() -> bool:
        try:
            stream.recv(1)
        except TimeoutError:
            return stream.complaint.endswith("last\n")
        return False

    until(over)
    assert len(stream.complaint) <= 2000
    stream.close()


def test_closing_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that does not want to, with what it has started; who reads wakes up."""
    monkeypatch.setattr("opencoderouter.fleet.dial._PATIENCE", 0.05)
    pid = tmp_path / "pid"
    stream = command(f"sh -c 'trap \"\" TERM; sleep 600 & echo $! >{pid}; wait; wait'")
    stream.settimeout(60)
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    read = threading.Thread(target=lambda: stream.recv(1))
    read.start()
    stream.close()
    read.join(30)
    assert not read.is_alive()
    until(lambda: not Path("/proc", pid.read_text().strip()).exists())
