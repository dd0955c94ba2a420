"""``ocr-router peer``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.wire.cli.conftest import Run
from tests.wire.proxy.others import BOB, around
from tests.wire.proxy.own import Router

from opencoderouter.core.peers import Peer

ACCEPTED = "accepted  ocr-bob-den  port 8080 at 192.0.2.7 2001:db8::7\n"


@pytest.fixture(autouse=True)
def state(environment: dict[str, str], tmp_path: Path) -> Path:
    """Return the state directory that the command uses."""
    environment["OCR_STATE_DIR"] = str(tmp_path / "state")
    return tmp_path / "state"


async def add(run: Run, name: str, peers: tuple[Peer, ...]) -> tuple[int, str, str]:
    """Accept one of these; return exit code, stdout and stderr."""
    async with Router(peers=peers).serving() as url:
        done = await asyncio.to_thread(run, "peer", "add", name, "--router", url)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("ocr-bob-den", "OCR-Bob-Den", "ocr-bob-den.local.", "192.0.2.7", "2001:db8::7"),
        *("http://ocr-bob-den.local:8080/", "http://ocr-bob-den.local:8080"),
    ],
)
async def test_accepted(run: Run, state: Path, name: str) -> None:
    """By label, host or address; what is pinned is shown, and kept in a file that is ours alone."""
    assert await add(run, name, around()) == (0, ACCEPTED, "")
    path = state / "peers.json"
    assert path.stat().st_mode & 0o777 == 0o600
    pinned = {"label": "ocr-bob-den", "addresses": list(BOB), "port": 8080}
    assert json.loads(path.read_text()) == {"peers": [pinned]}
    assert json.loads(run("peer", "ls", "--json").stdout) == [pinned]
    head, line = run("peer", "ls").stdout.splitlines()
    assert head.split() == ["ROUTER", "PORT", "ADDRESSES"]
    assert line.split() == ["ocr-bob-den", "8080", *BOB]


async def test_the_running_router_knows_it(run: Run, state: Path) -> None:
    """The command ends when the router has read the file; one that does not is told of."""
    news = around()
    router_ = Router(peers=(replace(news[0], verified=False),))

    async def read() -> None:
        while not (state / "peers.json").exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)  # what is tested is that this is waited for
        router_.peers = news

    async with router_.serving() as url, asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        done = await asyncio.to_thread(run, "peer", "add", "ocr-bob-den", "--router", url)
        assert reading.done()
    assert (done.returncode, done.stdout, done.stderr) == (0, ACCEPTED, "")


async def test_a_router_that_does_not_read_it(run: Run) -> None:
    """The router that was asked may be another user's: that it does not know is said."""
    code, out, err = await add(run, "ocr-bob-den", (replace(around()[0], verified=False),))
    assert (code, out) == (0, ACCEPTED)
    assert err == "The router that runs does not know it yet.\n"


async def test_accepted_no_longer(run: Run, state: Path) -> None:
    """Once; both are in the audit log."""
    assert run("peer", "ls").stdout.startswith("No router is accepted. `ocr-router peer add NAME`")
    await add(run, "ocr-bob-den", around())
    done = run("peer", "remove", "OCR-bob-den")
    assert (done.returncode, done.stdout) == (0, "removed  ocr-bob-den\n")
    done = run("peer", "remove", "ocr-bob-den")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no accepted router has this name" in done.stderr
    events = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["peer_added", "peer_removed"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nope", "nope: no router on the network goes by this; `ocr-router browse` lists"),
        ("", ": no router on the network goes by this"),
        ("http://ocr-bob-den.local:8081/", "no router on the network goes by this"),
        ("shop-bob.local", "no router on the network goes by this"),
        ("\x1b[2J", "\\x1b[2J: no router on the network"),
        ("192.0.2.9", "192.0.2.9: no router is announced there; who announces nothing but"),
        ("192.0.2.66", "2 routers go by this; name one: ocr-mallory-pc, ocr-other"),
    ],
)
async def test_not_accepted(run: Run, state: Path, name: str, words: str) -> None:
    """Who is unknown or not the only one is not guessed at."""
    others = (*around(), replace(around()[1], label="ocr-other"))
    code, out, err = await add(run, name, others)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (state / "peers.json").exists()


@pytest.mark.parametrize("change", [{"port": 0}, {"addresses": ("evil",)}, {"label": "a b"}])
async def test_nonsense_is_not_kept(run: Run, state: Path, change: dict[str, object]) -> None:
    """A router that is asked may be wrong: what could not be is not written."""
    odd = replace(around()[0], **{"host": "odd.local", **change})  # type: ignore[arg-type]
    code, _, err = await add(run, "odd.local", (odd,))
    assert (code, "no router is announced there" in err) == (1, True)
    assert not (state / "peers.json").exists()


async def test_a_damaged_file(run: Run, state: Path) -> None:
    """It is named, with what mends it, and nothing is written over it."""
    await add(run, "ocr-bob-den", around())
    (state / "peers.json").write_text("{")
    for arguments in (("ls",), ("remove", "x")):
        done = run("peer", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            "peers.json: is damaged: no JSON; delete it and accept the routers anew" in done.stderr
        )
    code, _, err = await add(run, "ocr-bob-den", around())
    assert (code, "is damaged" in err) == (1, True)
    assert (state / "peers.json").read_text() == "{"
