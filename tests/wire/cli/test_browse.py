"""``ocr-router browse``: what a router hears, and what is heard without one."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.rig.announcer import announcer
from tests.rig.lan import Host, lan, why_no_lan
from tests.rig.ports import free_port
from tests.rig.router import COMMAND
from tests.wire.cli.conftest import Run
from tests.wire.proxy.others import NASTY, around, project, router
from tests.wire.proxy.own import Router

from opencoderouter.proxy.context import Network

needs_lan = pytest.mark.skipif(bool(why_no_lan()), reason=why_no_lan() or "-")
HEAD = ["ROUTER", "ADDRESS", "VERIFIED", "PROJECT", "VERSION", "URL"]
Done = subprocess.CompletedProcess[str]


async def ask(run: Run, made: Router, *arguments: str) -> Done:
    """Run ``browse`` while this router serves."""
    async with made.serving() as url:
        return await asyncio.to_thread(run, "browse", "--router", url, *arguments)


async def test_what_the_router_hears(run: Run) -> None:
    """A line for each router and project; who is not verified is told apart, and how to accept."""
    done = await ask(run, Router(peers=around()))
    assert done.returncode == 0
    head, *lines = done.stdout.splitlines()
    assert head.split() == HEAD
    cells = [[cell.strip() for cell in line.split("  ") if cell] for line in lines]
    assert cells[0] == [
        *("ocr-bob-den", "192.0.2.7 2001:db8::7", "yes", "-", "0.1.0"),
        "http://ocr-bob-den.local:8080/",
    ]
    assert [row[-1] for row in cells if row[0] == "ocr-bob-den"][2] == "http://shop-bob.local:8080/"
    assert {row[2] for row in cells if row[0] != "ocr-bob-den"} == {"no"}
    assert cells[-1] == ["-", "192.0.2.9", "no", "old", "-", "http://old.local:8080/"]
    assert "`ocr-router peer add ROUTER`" in done.stderr
    assert not any(one in done.stdout + done.stderr for one in "\x1b\x00\u202e")


async def test_as_json(run: Run) -> None:
    """It is what the API says."""
    rows = json.loads((await ask(run, Router(peers=around()), "--json")).stdout)
    assert [row["label"] for row in rows] == ["ocr-bob-den", "ocr-mallory-pc", "", ""]


async def test_a_router_of_others_is_not_believed(run: Run) -> None:
    """What another router says is printed so that it cannot move the cursor."""
    nasty = replace(around()[1], label=NASTY, version=NASTY, addresses=(NASTY,))
    done = await ask(run, Router(peers=(nasty,)))
    assert "\\x1b[2J\\u202e\\x00" in done.stdout
    assert not any(one in done.stdout + done.stderr for one in "\x1b\x00\u202e")


async def test_many_addresses(run: Run) -> None:
    """Some are shown, and how many more there are."""
    many = tuple(f"192.0.2.{n}" for n in range(9))
    done = await ask(run, Router(peers=(replace(around()[0], addresses=many),)))
    assert "192.0.2.0 192.0.2.1 192.0.2.2 +6  yes" in done.stdout


async def test_a_narrow_terminal(run: Run, environment: dict[str, str]) -> None:
    """What does not fit beside each other stands below each other; no address is broken."""
    environment["COLUMNS"] = "40"
    done = await ask(run, Router(peers=around()))
    first, *_ = done.stdout.split("\n\n")
    assert [line.split()[0] for line in first.splitlines()] == HEAD
    assert "\nURL       http://ocr-bob-den.local:8080/\n" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 50
    assert "`ocr-router peer add ROUTER`" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 40


@pytest.mark.parametrize("command", [("browse",), ("peer", "add"), ("dns",)])
def test_options_say_what_they_do_here(run: Run, command: tuple[str, ...]) -> None:
    """Commands that announce nothing do not say that they do."""
    text = " ".join(run(*command, "--help").stdout.split())
    assert "--mdns-interface" in text
    assert "nnounce on this" not in text
    assert "Announce names" not in text


async def test_all_verified(run: Run) -> None:
    """Nobody is warned of those that are accepted."""
    assert (await ask(run, Router(peers=around()[:1]))).stderr == ""


@pytest.mark.parametrize(
    ("mdns", "code", "words"),
    [
        ("on", 0, "No other router is heard on the network."),
        ("failed", 1, "this router hears nobody: mDNS is failed (no luck)"),
    ],
)
async def test_nobody_is_heard(run: Run, mdns: str, code: int, words: str) -> None:
    """There is nobody, or the router cannot hear: these are told apart."""
    done = await ask(run, Router(network=Network(mdns=mdns, reason="no luck" * (mdns != "on"))))
    assert done.returncode == code
    assert words in done.stdout + done.stderr


async def test_no_router_there(run: Run) -> None:
    """A router that is named must answer."""
    done = await asyncio.to_thread(run, "browse", "--router", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "no router answers" in done.stderr


ROW = {
    **dict.fromkeys(("label", "host", "url", "version"), ""),
    "addresses": [],
    "port": 1,
    "verified": False,
    "projects": [],
}


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        ({"peers": []}, {}),
        ([1], {}),
        ([{"label": "x"}], {}),
        ([{**ROW, "addresses": None}], {}),
        ([{**ROW, "addresses": [1]}], {}),
        ([{**ROW, "version": 1}], {}),
        ([{**ROW, "projects": [{}]}], {}),
        ([], []),
        ([], {"mdns": None}),
    ],
)
async def test_no_router_at_all(run: Run, answer: object, health: object) -> None:
    """What answers something else is no router."""

    async def say(request: web.Request) -> web.Response:
        return web.json_response(answer if request.path == "/api/peers" else health)

    app = web.Application()
    app.router.add_get("/api/{what}", say)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        done = await asyncio.to_thread(run, "browse", "--router", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("what answers there is not a router\n")


def test_without_mdns(run: Run) -> None:
    """Where no router runs and mDNS is off, nobody can tell."""
    done = run("browse", "--port", str(free_port()), "--no-mdns")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ocr-router: browse: no router runs, and mDNS is off (--no-mdns)\n"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    """Plug in two hosts."""
    folder = tmp_path_factory.mktemp("lan")
    with lan(folder) as net, net.host("den", 7) as den, net.host("desk", 8) as desk:
        yield den, desk


def on(host: Host, environment: dict[str, str], *arguments: str) -> Done:
    """Run ``ocr-router`` on a host."""
    command = host.command(COMMAND, *arguments)
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=50
    )


@needs_lan
def test_without_a_router(hosts: tuple[Host, Host], environment: dict[str, str]) -> None:
    """Where no router runs the network is listened to; who is accepted is verified there, too."""
    den, desk = hosts
    at = (den.address,)
    with announcer(den.address, den.command) as bob:
        bob.register(router("ocr-bob-den", at, owner="bob"), project("shop-bob", at, owner="bob"))
        [row] = json.loads(on(desk, environment, "browse", "--json").stdout)
        assert (row["label"], row["addresses"], row["verified"]) == ("ocr-bob-den", [*at], False)
        assert [one["slug"] for one in row["projects"]] == ["shop"]
        done = on(desk, environment, "peer", "add", den.address)
        assert done.stdout == f"accepted  ocr-bob-den  port 8080 at {den.address}\n"
        [row] = json.loads(on(desk, environment, "browse", "--json").stdout)
        assert row["verified"]


@needs_lan
def test_nobody_on_the_network(hosts: tuple[Host, Host], environment: dict[str, str]) -> None:
    """Where nobody is, that is said."""
    done = on(hosts[1], environment, "browse")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No other router is heard on the network.\n"


@needs_lan
def test_without_a_network(environment: dict[str, str]) -> None:
    """Where there is no interface, the reason is told."""
    command = ["unshare", "--net", str(COMMAND), "browse"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "no router runs, and mDNS is off (no network interface with an address)" in done.stderr
