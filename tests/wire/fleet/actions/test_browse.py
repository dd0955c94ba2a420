"""Tests of ports that lead a browser to a session's server, with real connections."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import SessionRef
from opencoderouter.fleet.actions import serving
from opencoderouter.fleet.actions.browse import Forwards


async def session(box: Box, name: str = "app", found: str = "ses_1") -> SessionRef:
    """Return a session in whose directory a server runs."""
    directory = box.project(name)
    box.add(found, directory)
    assert isinstance(await serving.start(box.site, str(directory)), Place)
    return SessionRef("box", found, str(directory))


async def ask(where: str, *fields: str, path: str = "/session/ses_1") -> tuple[int, bytes]:
    """Ask as a browser does; return status and body, 0 where the connection ends without."""
    reader, writer = await asyncio.open_connection(*where.split(":"))
    head = (f"GET {path} HTTP/1.1", f"Host: {where}", *fields, "", "")
    try:
        writer.write("\r\n".join(head).encode())
        line = (await reader.readline()).split()
        if not line:
            return 0, b""
        length = 0
        while (field := (await reader.readline()).strip()) != b"":
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        return int(line[1]), await reader.readexactly(length)
    except ConnectionError:
        return 0, b""
    finally:
        writer.close()


def place_of(outcome: object) -> str:
    """Return address and port that were made for a session."""
    assert isinstance(outcome, Done), outcome
    return urlsplit(outcome.value).netloc


async def test_browse(box: Box) -> None:
    """The address leads to the session; the server's password goes along, unseen."""
    ref = await session(box)
    async with Forwards() as forwards:
        done = await forwards.browse(box.site, ref)
        where = place_of(done)
        assert isinstance(done, Done)
        assert done.value.endswith("/session/ses_1")
        status, body = await ask(where)
        assert (status, json.loads(body)["id"]) == (200, "ses_1")
        assert place_of(await forwards.browse(box.site, ref)) == where
    with pytest.raises(ConnectionError):
        await ask(where)  # the port is gone with the block


async def test_other_pages(box: Box) -> None:
    """Pages of others, and other names, get nothing."""
    ref = await session(box)
    async with Forwards() as forwards:
        where = place_of(await forwards.browse(box.site, ref))
        assert (await ask(where, "Origin: https://evil.test"))[0] == 403
        assert (await ask(where, "Sec-Fetch-Site: cross-site"))[0] == 403
        assert (await ask(where, "Host: evil.test"))[0] == 421


async def test_cookies_of_others(box: Box) -> None:
    """No two servers share an address, nor does anything with 127.0.0.1: cookies know no ports."""
    refs = [await session(box), await session(box, "other", "ses_2")]
    async with Forwards() as forwards:
        places = [place_of(await forwards.browse(box.site, ref)) for ref in refs]
    addresses = [ip_address(place.partition(":")[0]) for place in places]
    assert len({*addresses, ip_address("127.0.0.1")}) == 3
    assert all(address.is_loopback for address in addresses)


async def test_other_users(box: Box) -> None:
    """A connection of another user is closed without a word, and reaches nobody."""
    ref = await session(box)
    async with Forwards(is_ours=lambda *_: False) as forwards:
        where = place_of(await forwards.browse(box.site, ref))
        assert await ask(where) == (0, b"")


async def test_nobody_tells(box: Box) -> None:
    """Where the system does not say whose a connection is, no port is opened."""
    ref = await session(box)
    async with Forwards(can_tell=lambda: False) as forwards:
        failed = await forwards.browse(box.site, ref)
    assert isinstance(failed, Failed)
    assert "does not tell" in failed.summary


async def test_no_server(box: Box) -> None:
    """Without a server there is nothing to open."""
    ref = SessionRef("box", "ses_1", str(box.project("app")))
    async with Forwards() as forwards:
        failed = await forwards.browse(box.site, ref)
    assert isinstance(failed, Failed)
    assert "no server runs" in failed.summary


async def test_the_server_ends(box: Box) -> None:
    """When the server is gone, a browser is told."""
    ref = await session(box)
    async with Forwards() as forwards:
        where = place_of(await forwards.browse(box.site, ref))
        here = await box.site.here()
        assert not isinstance(here, Failed)
        await asyncio.create_subprocess_exec("kill", "-9", str(here.servers[0].server.pid))
        while (await ask(where))[0] == 200:
            pass
        assert (await ask(where))[0] in {0, 502}
