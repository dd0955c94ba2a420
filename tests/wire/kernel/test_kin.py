"""Sockets of real processes: which are an agent's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.rig.stranger import UID, heard, needs_stranger, run_as, stranger

import opencoderouter
from opencoderouter.kernel import kin
from opencoderouter.kernel.kin import Kin
from opencoderouter.kernel.marks import MARK
from opencoderouter.kernel.processes import socket_owners

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# Holds a socket and says its inode; changes on request, and then says the inode again.
HOLD = """
import os, socket, subprocess, sys
held = socket.socket()
print(os.fstat(held.fileno()).st_ino, flush=True)
for line in sys.stdin:
    inode = os.fstat(held.fileno()).st_ino
    if line == "hand over\\n":
        child = subprocess.Popen(["cat"], pass_fds=[held.fileno()], stdin=subprocess.PIPE)
        held.close()
        print(inode, flush=True)
    if line == "become an agent\\n":
        os.environ["OPENCODE"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
"""


class Holder:
    """A process that holds a socket, ``inode``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.inode = self._hear()

    def told(self, line: str) -> int:
        """Tell it something; return the inode of what it held before, or now when it began anew."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def holder(folder: Path, line: str = "python hold", **marks: str) -> Iterator[Holder]:
    """Run ``line``, which is a Python and a script that holds a socket, until the block is left."""
    program, word = line.split()
    (folder / program).symlink_to(sys.executable)
    (folder / word).write_text(HOLD)
    with subprocess.Popen(
        [folder / program, word],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], **marks},
    ) as process:
        yield Holder(process)


@pytest.fixture
def free() -> None:
    """Skip where everything that a test starts is an agent's."""
    with socket.socket() as own:
        if Kin().agents([os.fstat(own.fileno()).st_ino]):
            pytest.skip("runs in an agent's terminal")


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("line", ["python hold", "python serve", "opencode attach", "opencode run"])
def test_users(tmp_path: Path, line: str) -> None:
    """What serves nobody is its user's, and a socket of nobody is nobody's."""
    with holder(tmp_path, line, OPENCODE="0", AGENT="1", OPENCODE_PID="1") as user:
        assert Kin().agents([user.inode, 1]) == set()
        assert Kin().agents([]) == set()


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("line", ["opencode serve", "opencode web", "opencode acp", "opencode x"])
def test_servers(tmp_path: Path, line: str) -> None:
    """The connections of a server, or of a terminal UI, are an agent's; those beside it are not."""
    with holder(tmp_path, line) as server, socket.socket() as own:
        inodes = [os.fstat(own.fileno()).st_ino, server.inode]
        assert Kin().agents(inodes) == {server.inode}


@pytest.mark.parametrize("mark", ["OPENCODE", MARK])
def test_marked(tmp_path: Path, mark: str) -> None:
    """Who was started with a mark is an agent's, wherever it belongs by now."""
    with holder(tmp_path, **{mark: "1"}) as orphan:
        assert Kin().agents([orphan.inode]) == {orphan.inode}


def test_descendants(tmp_path: Path) -> None:
    """What a server has started is an agent's, without any mark."""
    with holder(tmp_path, "opencode serve") as server:
        asked = Kin()
        assert asked.agents([server.inode]) == {server.inode}
        assert server.told("hand over") == server.inode
        assert socket_owners([server.inode], [server.pid]) == {}
        assert asked.agents([server.inode]) == {server.inode}


@pytest.mark.usefixtures("free")
def test_another_program(tmp_path: Path) -> None:
    """What is remembered of a process does not hold for the next program that it turns into."""
    asked = Kin()
    with holder(tmp_path) as process:
        assert asked.agents([process.inode]) == set()
        inode = process.told("become an agent")
        assert asked.agents([inode]) == {inode}


def test_closed(tmp_path: Path) -> None:
    """A socket that is gone is not found."""
    asked = Kin()
    with holder(tmp_path, OPENCODE="1") as agent:
        assert asked.agents([agent.inode]) == {agent.inode}
    assert asked.agents([agent.inode]) == set()


@pytest.mark.usefixtures("free")
def test_newcomers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins while others are looked at is looked at, too."""
    with socket.socket() as held, ExitStack() as begun:

        def owners(inodes: Collection[int], pids: Iterable[int], *, proc: Path) -> dict[int, int]:
            found = socket_owners(inodes, pids, proc=proc)
            begun.enter_context(heir(held))
            return found

        monkeypatch.setattr(kin, "socket_owners", owners)
        inode = os.fstat(held.fileno()).st_ino
        assert Kin().agents([inode]) == {inode}


@pytest.mark.usefixtures("free")
def test_an_agent_that_cannot_be_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have whatever nobody else is seen to have; what others have is not its."""
    (tmp_path / "a").mkdir()
    with holder(tmp_path, OPENCODE="1") as agent, holder(tmp_path / "a") as other:

        def owners(
            inodes: Collection[int], pids: Iterable[int] | None = None, *, proc: Path
        ) -> dict[int, int]:
            found = socket_owners(inodes, pids, proc=proc)
            return {inode: pid for inode, pid in found.items() if pid != agent.pid}

        monkeypatch.setattr(kin, "socket_owners", owners)
        assert Kin().agents([agent.inode, other.inode]) == set()
        monkeypatch.setattr(kin, "may_read", lambda pid, proc: pid != agent.pid)  # noqa: ARG005
        assert Kin().agents([agent.inode, other.inode]) == {agent.inode}


@contextmanager
def heir(held: socket.socket) -> Iterator[None]:
    """Run an agent's process that has inherited a socket."""
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, env={"OPENCODE": "1"}, pass_fds=[held.fileno()]
    ):
        yield


def test_outside_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where agents may run unseen, a socket that nobody here has is theirs; others are not.

    But for what sshd may have, in a container with a network of its own.
    """
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(kin, "keeps_marks", lambda *_, **__: False)
    with holder(tmp_path) as user, holder(tmp_path / "a", "sshd-session a") as forward:
        for closed, seen, hides, hardware, theirs in (
            (0, False, False, True, True),
            (0, False, False, False, True),
            (user.pid, False, False, False, True),
            (forward.pid, False, False, False, False),
            (forward.pid, False, False, True, True),
            (forward.pid, True, True, True, True),
            (forward.pid, True, False, True, False),
            (0, True, False, False, False),
        ):
            monkeypatch.setattr(kin, "may_read", lambda pid, closed=closed, **_: pid != closed)
            monkeypatch.setattr(kin, "sees_all_processes", lambda _, seen=seen: seen)
            monkeypatch.setattr(kin, "hides_processes", lambda _, hides=hides: hides)
            monkeypatch.setattr(kin, "sees_hardware", lambda hardware=hardware: hardware)
            found = Kin().agents([user.inode, 1])
            assert (1 in found) == theirs


LOOK = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from opencoderouter.kernel.kin import Kin
held = socket.socket()
print(1 in Kin().agents([os.fstat(held.fileno()).st_ino, 1]), flush=True)
"""
# PR_SET_DUMPABLE
BE = """
import ctypes, sys
ctypes.CDLL(None).prctl(4, int(sys.argv[1]))
print("here", flush=True)
input()
"""


@needs_stranger
def test_another_group(open_sources: Path) -> None:
    """Whose marks the kernel keeps from us for its group may be an agent; sshd's is none."""
    for group, dumpable, found in ((UID, 1, "False"), (0, 1, "True"), (0, 0, "False")):
        with stranger(UID, BE, dumpable, group=group) as other:
            assert heard(other) == "here"
            assert run_as(UID, LOOK, open_sources).strip() == found


@pytest.fixture
def open_sources() -> Iterator[Path]:
    """Return a folder of the sources that other users may read: the tests' may be closed."""
    with TemporaryDirectory(prefix="ocr-sources-") as folder:
        package = Path(opencoderouter.__file__).parent
        shutil.copytree(
            package, Path(folder) / package.name, ignore=shutil.ignore_patterns("*.pyc")
        )
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield Path(folder)
