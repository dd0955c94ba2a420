"""``ocr-router dns`` and ``ocr-router dns setup``: what is refused, and what is printed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rig.nameserver import SETTINGS, serving
from tests.rig.netns import network, why_no_network
from tests.rig.ports import free_port
from tests.rig.router import COMMAND
from tests.wire.cli.conftest import Run
from tests.wire.proxy.own import Router

from opencoderouter.announce.client.recipes import SYSTEMS, Server, recipe
from opencoderouter.proxy.context import Network

# For the command /etc cannot be written to, whoever runs it.
_CLOSED = 'mount --bind /etc /etc && mount -o remount,bind,ro /etc && exec "$@"'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--listen", "127.0.0.1"), "--listen 127.0.0.1: must be ADDRESS:PORT"),
        (("--listen", "::1:53"), "--listen ::1:53: must be ADDRESS:PORT"),
        (("--listen", "desk:53"), "--listen desk:53: must be ADDRESS:PORT"),
        (("--router", "desk"), "--router desk: must be an http:// or https:// URL"),
        (("--router-user", "no.such"), "--router-user no.such: there is no such user"),
        (("--dns-zone", "x.local"), "--dns-zone x.local: must be a domain"),
        (("setup", "beos"), "SYSTEM beos: must be one of resolved, "),
        (
            ("setup", "resolved", "--server", "127.0.0.1"),
            "--server 127.0.0.1: must be ADDRESS:PORT",
        ),
        (("setup", "resolved", "--undo"), "--undo: takes back all"),
        (("setup", "--apply", "--undo"), "--undo: takes back all"),
    ],
)
def test_what_cannot_be_meant(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """It is one line, and exit code 2."""
    done = run("dns", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"ocr-router: {words}")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken(run: Run) -> None:
    """It is said who has it, and nothing runs."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("dns", "--no-mdns", "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    name = Path("/proc/self/comm").read_text().strip()  # of a script it is not the interpreter's
    assert done.stderr.splitlines()[-1].startswith(
        f"ocr-router: --listen: port {port} of 127.0.0.1 is taken by {name} (pid "
    )
    assert done.stdout == ""


@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "-")
def test_a_machine_without_ipv6(environment: dict[str, str]) -> None:
    """It listens on loopback, as far as there is one."""
    script = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec timeout -s TERM 20 $0 dns"
    with network() as net:
        command = net.command("sh", "-c", script, COMMAND)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("DNS at 127.0.0.1:8053. ")
            process.terminate()


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_printed(run: Run, system: str) -> None:
    """It is just what would be written, and what else is to be known."""
    at = ("--server", "[fd00::1]:53", "--dns-zone", "dev.example.test")
    done = run("dns", "setup", system, *at)
    assert not done.stdout.startswith(f"{system}: {system}")
    assert (done.returncode, done.stderr) == (0, "")
    made = recipe(system, Server("fd00::1", 53), ("local", "dev.example.test"))
    lines = [line.removeprefix("    ") for line in done.stdout.splitlines()]
    wanted = [line for file in made.files for line in (f"{file.path}:", *file.content.splitlines())]
    assert set(wanted) | set(made.commands) <= set(lines)
    words = done.stdout.split()
    assert all(set(text.split()) <= set(words) for text in made.paragraphs)
    assert max(map(len, lines)) <= 120


def test_this_machine(run: Run) -> None:
    """Without SYSTEM it is found out, and the others are named."""
    done = run("dns", "setup")
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Others: ")
    others = set(last.removeprefix("Others: ").rstrip(".").split(", "))
    here = {line.partition(":")[0] for line in done.stdout.splitlines()} & set(SYSTEMS)
    assert here | others == set(SYSTEMS)


@pytest.mark.parametrize("system", ["windows", "container"])
def test_clients_elsewhere(run: Run, system: str) -> None:
    """What no file of this machine can do is printed only."""
    done = run("dns", "setup", system, "--apply")
    assert done.returncode == 1
    assert "there is no file of this machine to write" in done.stderr


def test_who_may_not_write(environment: dict[str, str], tmp_path: Path) -> None:
    """It is said what to do, and nothing is written or kept."""
    command = [str(COMMAND), "dns", "setup", "resolved", "--apply"]
    if os.geteuid() == 0:
        command = ["unshare", "--mount", "sh", "-c", _CLOSED, "sh", *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "ocr-router: /etc/systemd/resolved.conf.d/ocr-router.conf: "
        "cannot be written: run it as root, with sudo\n"
    )
    assert not list(tmp_path.rglob("dns-setup.json"))


# A machine whose /etc and state are its own, as long as the command lasts.
_OWN = 'mount -t tmpfs none /etc/systemd && mount -t tmpfs -o mode=755 none /var/lib && exec "$@"'
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="writes into /etc: needs root")


def apply(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``dns setup resolved --apply`` on such a machine."""
    command = [str(COMMAND), "dns", "setup", "resolved", "--apply", *arguments]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", _OWN, "sh", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_root
def test_a_server_that_does_not_answer(environment: dict[str, str]) -> None:
    """It is written, and there is a warning with the command that starts one there."""
    where = f"127.0.0.1:{free_port()}"
    done = apply(environment, "--server", where, "--dns-zone", "dev.example.test")
    assert (done.returncode, "written  /etc/systemd" in done.stdout) == (0, True)
    words = " ".join(done.stderr.split())
    assert words.startswith(f"Nobody answers at {where} (connection refused): until somebody does")
    assert f"`ocr-router dns --listen {where} --dns-zone dev.example.test`" in words


@needs_root
@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="needs a machine without systemd")
def test_a_service_that_nobody_restarts(environment: dict[str, str]) -> None:
    """That it is left to the user is said."""
    done = apply(environment)
    assert "\nleft to you  systemctl restart systemd-resolved  (systemd " in done.stdout


@pytest.mark.skipif(sys.platform == "darwin", reason="needs another system")
def test_files_of_another_system(run: Run) -> None:
    """They are not written here."""
    done = run("dns", "setup", "macos", "--apply")
    assert done.returncode == 1
    assert done.stderr == "ocr-router: --apply macos: this is not macOS\n"


@needs_root
async def test_the_server_of_the_router(run: Run, environment: dict[str, str]) -> None:
    """A client is set up for the DNS server that the running router has, which answers."""
    async with serving(SETTINGS) as server:
        where = f"127.0.0.1:{server.port}"
        made = Router(network=Network(dns=(f"0.0.0.0:{server.port}",)))
        async with made.serving():
            port = ("--port", str(made.port))
            done = await asyncio.to_thread(run, "dns", "setup", "resolved", *port)
            assert f"DNS={where}\n" in done.stdout
            assert done.stdout.endswith(f"`sudo ocr-router dns setup --server {where} --apply`\n")
            done = await asyncio.to_thread(apply, environment, *port)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"DNS={where}\n" in done.stdout


def test_a_narrow_terminal(run: Run, environment: dict[str, str]) -> None:
    """Prose ends before the terminal does."""
    environment["COLUMNS"] = "50"
    lines = run("dns", "setup", "container").stdout.splitlines()
    assert max(len(line) for line in lines if not line.startswith("    ")) <= 50


def test_nothing_to_take_back(run: Run) -> None:
    """That is no failure."""
    done = run("dns", "setup", "--undo")
    assert (done.returncode, done.stdout) == (0, "Nothing to do: all is so already.\n")
