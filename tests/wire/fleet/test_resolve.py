"""Hosts as the real ``ssh -G`` sees them, and what becomes of an ssh that fails."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig.wait import until

from opencoderouter.core.fleet.model import HostState, Resolved, Unreached
from opencoderouter.fleet import resolve
from opencoderouter.fleet.resolve import Resolver, config_path, parsed

CONFIG = """
Host web
    HostName web.example
    User me
    Port 2222
    IdentityFile ~/.ssh/one
    IdentityFile ~/.ssh/two
Host jump?
    ProxyJump a,me@b:22
Host through
    ProxyCommand nc "%h" %p # all of it
Host none
    ProxyJump none
    ProxyCommand none
"""


@pytest.fixture(name="config")
def write_config(tmp_path: Path) -> Path:
    """Write a configuration."""
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return path


@pytest.fixture(name="counted")
def make_counted(tmp_path: Path) -> Path:
    """Return an ssh that writes down that it was started."""
    path = tmp_path / "ssh"
    path.write_text(f'#!/bin/sh\necho >>{tmp_path}/starts\nexec ssh "$@"\n')
    path.chmod(0o755)
    return path


def write(path: Path, text: str) -> None:
    """Write a file anew."""
    path.write_text(text)


def starts(counted: Path) -> int:
    """Return how often it was started."""
    file = counted.with_name("starts")
    return len(file.read_text()) if file.exists() else 0


def script(path: Path, text: str) -> str:
    """Write a program that plays ssh."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def reached(resolver: Resolver, alias: str) -> Resolved:
    """Return what a host is."""
    answer = (await resolver.resolve([alias]))[alias]
    assert isinstance(answer, Resolved), answer
    return answer


async def failed(resolver: Resolver, alias: str = "web") -> Unreached:
    """Return why it is not known what a host is."""
    answer = (await resolver.resolve([alias]))[alias]
    assert isinstance(answer, Unreached), answer
    assert answer.state is HostState.ERROR
    return answer


async def test_values(config: Path) -> None:
    """Every line of ssh's is there, several of one keyword in order."""
    found = await reached(Resolver(str(config)), "web")
    assert (found.alias, found.hostname, found.user, found.port) == (
        "web",
        "web.example",
        "me",
        2222,
    )
    assert found.options["identityfile"] == ("~/.ssh/one", "~/.ssh/two")
    assert found.first("compression") == "no"
    assert found.first("nonsense", "x") == "x"
    assert (found.jumps, found.proxy_command) == ((), "")


async def test_proxies(config: Path) -> None:
    """Jump hosts are in order, a command is as it was written; ``none`` is neither."""
    found = await Resolver(str(config)).resolve(("jump1", "through", "none"))
    jump, through, none = found.values()
    assert isinstance(jump, Resolved)
    assert jump.jumps == ("a", "me@b:22")
    assert isinstance(through, Resolved)
    assert through.proxy_command == 'nc "%h" %p # all of it'
    assert isinstance(none, Resolved)
    assert (none.jumps, none.proxy_command) == ((), "")


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("you@web", ("web.example", "you", 2222)),
        ("ssh://you@web:22", ("web.example", "you", 22)),
        ("ssh://web", ("web.example", "me", 2222)),
        ("fe80::1%eth0", ("fe80::1%eth0", None, 22)),
    ],
)
async def test_hosts_of_the_command_line(
    config: Path, alias: str, expected: tuple[str, str | None, int]
) -> None:
    """What a person types for ssh will do, in whatever form."""
    found = await reached(Resolver(str(config)), alias)
    assert (found.hostname, found.port) == (expected[0], expected[2])
    assert expected[1] in {None, found.user}


@pytest.mark.parametrize("alias", ["-oProxyCommand=id", "-V", "a b", "$(id)", ""])
async def test_no_host_is_an_option(config: Path, counted: Path, alias: str) -> None:
    """What cannot be a host is refused, and ssh never started with it."""
    why = await failed(Resolver(str(config), program=str(counted)), alias)
    assert why.reason.startswith("ssh takes no such host")
    assert starts(counted) == 0


async def test_kept_until_a_file_changes(config: Path, counted: Path) -> None:
    """Each host is asked about once; again when the file, or one it includes, has changed."""
    resolver = Resolver(str(config), program=str(counted))
    await asyncio.gather(*(resolver.one("web") for _ in range(5)), resolver.resolve(["web"] * 2))
    assert starts(counted) == 1
    included = config.with_name("included")
    write(config, f"Include {included}*\n{CONFIG}")
    assert (await reached(resolver, "web")).port == 2222
    assert starts(counted) == 2
    included.write_text("Host web\n    Port 4444\n")
    assert (await reached(resolver, "web")).port == 4444
    assert (await reached(resolver, "web")).port == 4444
    assert starts(counted) == 3


async def test_glances(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for one host gets what was true a moment ago; who asks for hosts, what is now."""
    resolver = Resolver(str(config))
    monkeypatch.setattr(resolve, "_GLANCE", 1e9)
    first = await resolver.one("web")
    write(config, "Host web\n    Port 23\n")
    assert await resolver.one("web") is first
    assert (await reached(resolver, "web")).port == 23
    write(config, "Host web\n    Port 24\n")
    monkeypatch.setattr(resolve, "_GLANCE", 0.0)
    now = await resolver.one("web")
    assert isinstance(now, Resolved)
    assert now.port == 24


@pytest.mark.parametrize("named", [False, True])
async def test_the_file_of_the_machine(
    config: Path, counted: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """A change there counts, unless ssh is told of another file: then it does not read it."""
    machine = config.with_name("ssh_config")
    monkeypatch.setattr(resolve, "SYSTEM", machine)
    resolver = Resolver(str(config) if named else "", program=str(counted))
    await resolver.resolve(["web"])
    write(machine, "Host x\n")
    await resolver.resolve(["web"])
    assert starts(counted) == (1 if named else 2)


async def test_not_kept_where_commands_decide(
    config: Path, counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a name means what a command says, it is asked again though no file has changed."""
    flag = config.with_name("flag")
    write(config, f'Match exec "test -e {flag}"\n    Port 4444\n')
    resolver = Resolver(str(config), program=str(counted))
    assert (await reached(resolver, "web")).port == 22
    flag.touch()
    assert (await reached(resolver, "web")).port == 22  # within the minute
    monkeypatch.setattr(resolve, "_SHIFTING", 0.0)
    resolver = Resolver(str(config), program=str(counted))
    assert (await reached(resolver, "web")).port == 4444
    flag.unlink()
    assert (await reached(resolver, "web")).port == 22


def test_own_files_of_ssh() -> None:
    """Without a file it is ssh's own that counts, with that of the machine."""
    done = subprocess.run(["ssh", "-G", "web"], capture_output=True, text=True, check=True)
    assert asyncio.run(reached(Resolver(), "web")) == parsed("web", done.stdout)
    assert config_path("").parts[-2:] == (".ssh", "config")
    assert config_path("~/x") == Path("~/x").expanduser()


async def test_broken_configuration(config: Path) -> None:
    """What ssh complains about is the reason, and how to see it; mended, it is asked again."""
    write(config, "Host web\n    Prot 22\n")
    resolver = Resolver(str(config))
    why = await failed(resolver)
    assert f"{config}: line 2: Bad configuration option: prot" in why.reason
    assert why.mend == (f"ssh -G -F {config} -- web",)
    write(config, "Host web\n    Port 23\n")
    assert (await reached(resolver, "web")).port == 23


async def test_failures_are_not_kept(config: Path) -> None:
    """What failed is asked again, though no file has changed: it may have been a moment's."""
    flag = config.with_name("flag")
    program = script(config.with_name("ssh"), f'test -e {flag} || exit 1; exec ssh "$@"')
    resolver = Resolver(str(config), program=program)
    await failed(resolver)
    write(flag, "")
    assert (await reached(resolver, "web")).port == 2222


async def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is ssh's to say."""
    assert "No such file" in (await failed(Resolver(str(tmp_path / "none")))).reason


async def test_no_ssh(config: Path) -> None:
    """A machine without ssh is told as such; so is one that may not start it."""
    why = await failed(Resolver(str(config), program="/nonexistent/ssh"))
    assert why.reason == "there is no ssh on this machine"
    why = await failed(Resolver(str(config), program=str(config)))
    assert why.reason == "ssh cannot be started: Permission denied"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "`ssh -G` failed"),
        ("exit 0", "`ssh -G` tells no host name and port"),
        ("echo hostname x; echo port y", "`ssh -G` tells no host name and port"),
        (
            "printf 'Pseudo-terminal will not be allocated.\\r\\n\\na\\nb\\n' >&2; exit 1",
            "ssh does not take its configuration: a",
        ),
        ("head -c 9999999 /dev/zero; exit 1", "`ssh -G` failed"),
    ],
)
async def test_odd_ssh(config: Path, text: str, reason: str) -> None:
    """An ssh that says nothing sensible is an error, not a crash."""
    program = script(config.with_name("ssh"), text)
    assert (await failed(Resolver(str(config), program=program))).reason == reason


@contextmanager
def hanging(folder: Path) -> Iterator[str]:
    """Return an ssh that starts another program, and never ends; both are gone at the end."""
    program = script(folder / "ssh", f"sleep 1000 &\necho $! >{folder}/pid\nwait")
    yield program
    pid = int((folder / "pid").read_text())
    until(lambda: not _lives(pid), what=lambda: pid)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_an_ssh_that_hangs(config: Path) -> None:
    """It is ended, with what it has started, and the reason says so."""
    with hanging(config.parent) as program:
        why = await failed(Resolver(str(config), program=program, within=0.5))
        assert why.reason == "`ssh -G` did not end within 0.5 s"


async def test_cancelled(config: Path) -> None:
    """Who gives up leaves no ssh behind."""
    with hanging(config.parent) as program:
        resolver = Resolver(str(config), program=program, within=100)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(resolver.one("web"))
            file = config.with_name("pid")
            await asyncio.to_thread(until, lambda: file.exists() and file.read_text())
            task.cancel()


async def test_bounded(config: Path, tmp_path: Path) -> None:
    """Many hosts are asked about at once, but never more than eight."""
    lock = f"mkdir {tmp_path}/$$; ls {tmp_path} | grep -c '^[0-9]' >>{tmp_path}/most"
    program = script(tmp_path / "ssh", f'{lock}; ssh "$@"; c=$?; rmdir {tmp_path}/$$; exit $c')
    names = [f"host{number}" for number in range(30)]
    found = await Resolver(str(config), program=program).resolve(names)
    assert [one.hostname for one in found.values() if isinstance(one, Resolved)] == names
    most = max(map(int, (tmp_path / "most").read_text().split()))
    assert 2 <= most <= 8


def test_text_that_is_not_utf8() -> None:
    """A value that is no UTF-8 is kept; lines end at line feeds only; keywords know no case."""
    text = b"hostname h\nPort 22\nuser caf\xe9\nidentityfile /a\x0bb\n"
    found = parsed("h", text.decode(errors="surrogateescape"))
    assert found is not None
    assert os.fsencode(found.user) == b"caf\xe9"
    assert found.options["identityfile"] == ("/a\x0bb",)
