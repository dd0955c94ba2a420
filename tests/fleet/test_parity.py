"""Each odd host, as Fabric and as OpenSSH sees it: a table."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig.armada import Armada
from tests.rig.ships import PASSWORD

from opencoderouter.core.fleet.model import HostState, Unreached, Via
from opencoderouter.core.fleet.preferences import Polling, Ssh, Transport
from opencoderouter.core.fleet.transport import Completed, Link, NotForwarded
from opencoderouter.fleet import openssh, process
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver

pytestmark = pytest.mark.sshd
IN, AUTH, UNKNOWN, CHANGED, BLOCKED, AWAY = (
    HostState.ONLINE,
    HostState.AUTH_REQUIRED,
    HostState.HOST_KEY_UNKNOWN,
    HostState.HOST_KEY_CHANGED,
    HostState.BLOCKED,
    HostState.UNREACHABLE,
)
FABRIC, OPENSSH = Via.FABRIC, Via.OPENSSH


@dataclass(frozen=True, slots=True)
class Row:
    """What a host is, what carries commands there, and words of the reason or of ``how``."""

    state: HostState
    via: Via
    words: str = ""


TABLE = {
    "plain": Row(IN, FABRIC),
    "agent": Row(IN, FABRIC),
    "certificate": Row(IN, FABRIC),
    "hashed": Row(IN, FABRIC),
    "keyalias": Row(IN, FABRIC),
    "rsa": Row(IN, FABRIC),
    "jump": Row(IN, FABRIC),
    "jump2": Row(IN, FABRIC),
    "jumplist": Row(IN, FABRIC),
    "command": Row(IN, FABRIC),
    "slow": Row(IN, FABRIC),
    "noisy": Row(IN, FABRIC),
    "dash": Row(IN, FABRIC),
    "fresh": Row(IN, FABRIC),
    "noforward": Row(IN, FABRIC),
    "none": Row(IN, FABRIC),
    "broken": Row(IN, FABRIC),
    "servers": Row(IN, FABRIC),
    "many": Row(IN, FABRIC),
    "crowded": Row(IN, FABRIC),
    "nologin": Row(IN, FABRIC),  # sshd lets it in; its shell ends at once
    "wildcard": Row(IN, OPENSSH, "a pattern of"),
    "hostca": Row(IN, OPENSSH, "a certificate authority of"),
    "acceptnew": Row(IN, OPENSSH, "StrictHostKeyChecking"),
    "modern": Row(IN, OPENSSH, "paramiko cannot agree"),
    "revoked": Row(CHANGED, OPENSSH, "revoked"),
    "unknown": Row(UNKNOWN, FABRIC, "SHA256:"),
    "changed": Row(CHANGED, FABRIC, "SHA256:"),
    "passphrase": Row(AUTH, FABRIC, "key passphrase"),
    "wrongkey": Row(AUTH, FABRIC, "password"),
    "password": Row(AUTH, FABRIC, "password"),
    "keyboard": Row(AUTH, FABRIC, "keyboard-interactive"),
    "blocked": Row(BLOCKED, FABRIC, "refused: connection refused"),
    "locked": Row(BLOCKED, FABRIC, "password"),
    "refused": Row(AWAY, FABRIC, "connection refused"),
    "mute": Row(AWAY, FABRIC, "timed out"),
    "halfmute": Row(AWAY, FABRIC, "timed out"),
    "closing": Row(AWAY, FABRIC, "closed the connection"),
    "nowhere": Row(AWAY, FABRIC, "not known"),
}


@pytest.fixture
def short() -> Iterator[Path]:
    """Return a folder with a name that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="p"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _agent(armada: Armada, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(armada.agent))


def fleet(config: Path, short: Path, transport: str = "auto") -> FleetLinks:
    """Return links to the hosts of a configuration."""
    ssh = Ssh(config=str(config), control_path=f"{short}/%C", transport=Transport(transport))
    return FleetLinks(ssh, Polling(), Resolver(str(config)).one)


async def asked(link: Link) -> tuple[HostState, Via, str]:
    """Return what a host is, by what, and all that is said about it."""
    done = await link.run("true", within=30)
    if isinstance(done, Completed):
        return HostState.ONLINE, link.via, link.via_reason
    return done.state, link.via, f"{done.how} {done.reason} {' '.join(done.mend)}"


def test_the_table_is_whole(armada: Armada) -> None:
    """No host of the rig is left out."""
    assert set(TABLE) == set(armada.aliases)


async def test_each_host(armada: Armada, short: Path) -> None:
    """Each host is what it should be, by what it should be, and the reason says why."""
    forget(armada, "acceptnew")  # which another test may have learnt
    async with fleet(armada.config, short) as links, asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(asked(links.link(name))) for name in TABLE}
    wrong = {}
    for name, task in tasks.items():
        state, via, words = task.result()
        row = TABLE[name]
        if (state, via) != (row.state, row.via) or row.words not in words:
            wrong[name] = (state, via, words)
    assert wrong == {}


def forget(armada: Armada, alias: str) -> None:
    """Have a host's key unknown again."""
    where = f"[127.0.0.1]:{armada.ports[alias]}"
    command = ["ssh-keygen", "-R", where, "-f", str(armada.folder / "known_hosts")]
    subprocess.run(command, check=False, capture_output=True)


def test_openssh_itself_agrees(armada: Armada) -> None:
    """OpenSSH as anybody runs it gets a session where the table says that one is to be had.

    Where none is, the next test has what OpenSSH says.
    """
    names = [name for name, row in TABLE.items() if row.state is IN and name != "nologin"]
    with ThreadPoolExecutor(6) as pool:
        done = dict(zip(names, pool.map(lambda name: armada.ssh(name, "true"), names), strict=True))
    assert {name: one.stderr for name, one in done.items() if one.returncode} == {}


async def test_openssh_says_the_same(armada: Armada, short: Path) -> None:
    """What ssh prints is read as the state that Fabric finds."""
    names = [name for name, row in TABLE.items() if row.state is not IN and name != "halfmute"]
    async with fleet(armada.config, short, "openssh") as links, asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(asked(links.link(name))) for name in names}
    states = {name: task.result()[0] for name, task in tasks.items()}
    assert states == {name: TABLE[name].state for name in names}


def known(armada: Armada, short: Path, name: str) -> Path:
    """Write a file with what is known of one host."""
    file = short / "known"
    lines = (armada.folder / "known_hosts").read_text().splitlines()
    file.write_text("".join(f"{one}\n" for one in lines if f":{armada.ports[name]} " in one))
    return file


async def test_host_keys_are_not_written(armada: Armada, short: Path) -> None:
    """A host may tell of more keys than the known one: ssh is not to note them."""
    file, config = known(armada, short, "rsa"), short / "config"
    before = file.read_text()
    config.write_text(
        f"Host rsa\n UserKnownHostsFile {file}\n UpdateHostKeys yes\n"
        f"Host *\nInclude {armada.config}\n"
    )
    async with fleet(config, short, "openssh") as links:
        assert (await asked(links.link("rsa")))[:2] == (IN, OPENSSH)
    assert before
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("checking", "transport", "accepted"),
    [
        ("accept-new", "auto", True),
        ("no", "auto", True),
        ("yes", "openssh", False),
        ("ask", "openssh", False),
        ("accept-new", "fabric", False),
    ],
)
async def test_who_accepts_host_keys(
    armada: Armada, short: Path, checking: str, transport: str, *, accepted: bool
) -> None:
    """A key that is not known is accepted, by ssh, only where the configuration says so."""
    file, config = short / "known", short / "config"
    config.write_text(
        f"Host plain\n StrictHostKeyChecking {checking}\n UserKnownHostsFile {file}\n"
        f"Host *\nInclude {armada.config}\n"
    )
    async with fleet(config, short, transport) as links:
        state = (await asked(links.link("plain")))[0]
    assert state is (IN if accepted else UNKNOWN)
    assert file.exists() is accepted


@pytest.mark.parametrize(("transport", "state"), [("auto", CHANGED), ("openssh", IN)])
async def test_a_changed_key_where_none_is_checked(
    armada: Armada, short: Path, transport: str, state: HostState
) -> None:
    """It is refused even so, but where OpenSSH is to do everything: it lets in by any key."""
    config = short / "config"
    text = f"Host changed\n StrictHostKeyChecking no\nHost *\nInclude {armada.config}\n"
    config.write_text(text)
    async with fleet(config, short, transport) as links:
        assert (await asked(links.link("changed")))[0] is state


@pytest.mark.parametrize("transport", ["fabric", "openssh"])
async def test_forwarding_is_prohibited(armada: Armada, short: Path, transport: str) -> None:
    """A host that forwards nothing is told from one where nothing listens."""
    async with fleet(armada.config, short, transport) as links:
        never = await links.link("noforward").connect(armada.ports["refused"], within=30)
        assert isinstance(never, NotForwarded)
        assert never.prohibited
        refused = await links.link("plain").connect(armada.ports["refused"], within=30)
        assert refused == NotForwarded("connection refused")


@pytest.mark.parametrize(("transport", "number"), [("fabric", 40), ("openssh", 14)])
async def test_many_hosts_behind_one(
    armada: Armada, short: Path, transport: str, number: int
) -> None:
    """A jump host that drops logins above ten at once is never asked for so many."""
    config = short / "config"
    names = [f"far{one}" for one in range(number)]
    port, key = armada.ports["plain"], armada.folder / "id"
    config.write_text(
        f"Host far*\n ProxyJump crowded\n Port {port}\n User alice\n"
        f" IdentityFile {key}\n IdentitiesOnly yes\nHost *\nInclude {armada.config}\n"
    )
    async with fleet(config, short, transport) as links, asyncio.TaskGroup() as group:
        tasks = [group.create_task(links.link(one).run("id -un", within=50)) for one in names]
    assert {repr(task.result()) for task in tasks} == {repr(Completed(0, b"alice\n", b""))}


async def test_a_person_logs_in(armada: Armada, short: Path) -> None:
    """After the command that is shown has been run, a host with a password is reached by ssh."""
    answer = short / "answer"
    answer.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    answer.chmod(0o700)
    ask = {"SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
    async with fleet(armada.config, short) as links:
        for name in ("password", "locked"):
            link = links.link(name)
            refused = await link.run("true", within=30)
            assert isinstance(refused, Unreached)
            argv = openssh.login(links.ssh, name, openssh.control_path(links.ssh, name))
            assert refused.mend == (" ".join(argv),)
            with (short / "said").open("wb") as said:
                assert await process.launch(argv, {**openssh.environment(), **ask}, said) == 0
            done = await link.run("id -un", within=30)
            assert done == Completed(0, b"alice\n", b"")
            assert (link.via, link.via_reason) == (OPENSSH, "somebody has logged in with ssh")
            leave = [*openssh.command(links.ssh), "-O", "exit", "-S", f"{short}/%C", "--", name]
            await process.run(leave)
            again = await link.run("true", within=30)
            assert isinstance(again, Unreached)
            assert link.via is FABRIC


async def test_what_takes_too_long_is_ended(armada: Armada, short: Path) -> None:
    """A command that is given up does not run on over there."""
    mark = "86399"
    async with fleet(armada.config, short) as links:
        link = links.link("plain")
        done = await link.run(f"sleep {mark}; true", within=1)
        assert isinstance(done, Unreached)
        look = "while pgrep -u alice -f '^sleep 86399$' >/dev/null; do sleep 0.05; done"
        await asyncio.to_thread(armada.inside, "alice", look)
