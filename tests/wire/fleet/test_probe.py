"""The script in real shells, with an ``opencode`` that does what a test wants of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.figures import Measure
from tests.rig.processes import MARK, assert_gone

from opencoderouter.core.basic import basic
from opencoderouter.core.fleet.answer import Told, read_answer, read_servers
from opencoderouter.core.fleet.listening import Place
from opencoderouter.fleet.script import Wanted, script

SHELLS = {
    "sh": ["sh", "-s"],
    "dash": ["dash", "-s"],
    "bash": ["bash", "-s"],
    "posix": ["bash", "--posix", "-s"],
    "busybox": ["busybox", "sh", "-s"],
    "zsh": ["zsh", "--emulate", "sh", "-s"],
    "strict": ["bash", "-eu", "-o", "noclobber", "-o", "noglob", "-s"],
}
# A database with one session; project by project there are two.
GOOD = """
row() { printf '[{"id": "ses_%s", "directory": "%s", "title": "t"}]\\n' "$1" "$2"; }
case "$1 $2" in
    "--version ") echo 1.2.3 ;;
    "db select"*) [ "$4" = json ] && row db /db ;;
    "session list") row "$(basename "$PWD" | tr -cd a-z)" "$PWD" ;;
esac
"""
NO_DB = GOOD.replace(
    '"db select"*) ', '"db select"*) echo "Error: no such column" >&2; exit 1 ;; x) '
)
LISTENER = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2])), family=int(sys.argv[3])) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


class Home:
    """A home directory, its ``opencode``, and what the script says of them."""

    def __init__(self, path: Path) -> None:
        self.path, self.mark = path, f"probe-{path}"
        self.opencode = path / "o c/opencode"
        self.opencode.parent.mkdir(parents=True)
        self.wanted = Wanted(10, str(self.opencode), ("~",))

    def has(self, text: str, *, used: bool = True) -> Home:
        """Install a program; ``used``: it has been run, and has a database."""
        self.opencode.write_text(f"#!/bin/sh\n{text}\n")
        self.opencode.chmod(0o755)
        if used:
            data = self.path / ".local/share/opencode"
            data.mkdir(parents=True, exist_ok=True)
            (data / "opencode.db").write_text("x")
        return self

    def commits(self, number: int) -> None:
        """Have the index of a database's log say that so much was written."""
        index = self.path / ".local/share/opencode/opencode.db-shm"
        index.write_bytes(number.to_bytes(48, "big") + os.urandom(48))

    def run(
        self, wanted: Wanted, shell: str = "sh", nonce: str = "f00d", **environment: str
    ) -> bytes:
        """Return what the script prints."""
        if not shutil.which(SHELLS[shell][0]):
            pytest.skip(f"needs {shell}")
        # The limit is there to find a script that never ends; what it runs is in this group.
        done = subprocess.run(
            ["timeout", "50", *SHELLS[shell]],
            input=script(wanted, nonce),
            env=self.environment(**environment),
            cwd=self.path,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    def environment(self, **more: str) -> Mapping[str, str]:
        """Return what a login there has."""
        return {"HOME": str(self.path), "PATH": os.environ["PATH"], MARK: self.mark, **more}

    def told(self, shell: str = "sh", wanted: Wanted | None = None, **environment: str) -> Told:
        """Return what it has told."""
        found = read_answer(self.run(wanted or self.wanted, shell, **environment), "f00d")
        assert found is not None
        return found

    def files(self) -> set[str]:
        """Return everything that is there."""
        return {str(path) for path in self.path.rglob("*")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home with an apostrophe and a space in its name."""
    return Home(tmp_path / "it's a home")


def reasons(told: Told) -> list[tuple[str, str]]:
    """Return what has failed."""
    return [(failure.part, failure.reason) for failure in told.failures]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells(home: Home, shell: str) -> None:
    """Every shell tells all, with nothing on stderr, and nothing on the host has changed."""
    home.has(GOOD)
    before = home.files()
    told = home.told(shell)
    assert (told.program, told.version) == (str(home.opencode), "1.2.3")
    assert [(one.id, one.directory) for one in told.sessions] == [("ses_db", "/db")]
    assert told.system.startswith(os.uname().sysname)
    assert told.load is not None
    assert None not in (told.load.load1, told.load.cpus, told.load.memory_total)
    assert None not in (told.load.disk_total, told.load.disk_available)
    assert reasons(told) == []
    assert home.files() == before
    assert_gone(home.mark)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "zsh"])
def test_project_by_project(home: Home, shell: str) -> None:
    """Where the database does not tell, each project below the scan paths does."""
    home.has(NO_DB)
    for name in ("src/one/.git", "a/b/two/.opencode", "src/node_modules/x/.git", "a/b/c/d/e/.git"):
        (home.path / name).mkdir(parents=True)
    told = home.told(shell)
    assert {one.id for one in told.sessions} == {"ses_itsahome", "ses_one", "ses_two"}
    reason = "opencode db: Error: no such column; asked project by project"
    assert reasons(told) == [("sessions", reason)]


OLD = """
for word; do [ "$word" != --pure ] || { echo "  --version  show version number" >&2; exit 1; }; done
[ "$1" = --version ] || touch "$HOME/ran"
"""


@pytest.mark.parametrize("use_db", [True, False])
def test_no_pure(home: Home, *, use_db: bool) -> None:
    """An OpenCode that cannot do without plugins lists nothing, and the report says why."""
    (home.path / "src/one/.git").mkdir(parents=True)
    told = home.has(OLD).told(wanted=replace(home.wanted, use_db=use_db))
    assert not (home.path / "ran").exists()
    assert told.sessions == ()
    reason = "this OpenCode does not know --pure, without which it could run plugins"
    assert ("sessions", reason) in reasons(told)


def test_without_database(home: Home) -> None:
    """A person who does not want the database asked gets sessions project by project."""
    told = home.has(GOOD).told(wanted=replace(home.wanted, use_db=False))
    assert [one.id for one in told.sessions] == ["ses_itsahome"]
    assert reasons(told) == []


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "zsh"])
def test_unchanged(home: Home, shell: str) -> None:
    """The program is not started for what its file and its database's index say is known."""
    home.has(f'echo "$1" >>"$HOME/runs"\n{GOOD}')
    home.commits(1)
    first = home.told(shell)
    home.commits(1)  # and a reader's marks elsewhere in the index
    known = replace(home.wanted, known=first.marks)
    again = read_answer(home.run(known, shell), "f00d", first)
    assert again is not None
    assert again.lasting == first.lasting
    assert sorted((home.path / "runs").read_text().split()) == ["--version", "db"]
    home.commits(2)
    changed = home.told(shell, known)
    assert [one.id for one in changed.sessions] == ["ses_db"]
    assert changed.marks != first.marks
    home.has(f"# Of another size.\n{GOOD}")
    assert home.told(shell, known).version == "1.2.3"


def test_no_index(home: Home) -> None:
    """Where nothing says what a database holds, or which it is, it is asked each time."""
    home.has(GOOD)
    for environment in ({}, {"OPENCODE_DB": "other.db"}):
        known = replace(home.wanted, known=home.told("sh", home.wanted, **environment).marks)
        output = home.run(known, nonce="beef", **environment)
        assert b"item db" in output
        home.commits(1)


FIRST_RUN = """
mkdir -p "${XDG_DATA_HOME:-$HOME/.local/share}/opencode" "${XDG_CONFIG_HOME:-$HOME/.config}/x"
mkdir -p "${XDG_STATE_HOME:-$HOME/.local/state}/x" "${XDG_CACHE_HOME:-$HOME/.cache}/x"
"""


@pytest.mark.parametrize("after", ["echo 1.2.3", "sleep 600"])
def test_never_used(home: Home, tmp_path: Path, after: str) -> None:
    """An OpenCode that never ran makes its folders: not in this home, and not to stay."""
    home.has(f"{FIRST_RUN}{after}", used=False)
    before, wanted = home.files(), replace(home.wanted, seconds=10 if "echo" in after else 1)
    (tmp_path / "tmp").mkdir()
    told = home.told(wanted=wanted, TMPDIR=str(tmp_path / "tmp"))
    assert (told.program, told.sessions) == (str(home.opencode), ())
    late = ("opencode", f"{home.opencode}: it took too long")
    assert told.version == ("1.2.3" if "echo" in after else "")
    assert (late in reasons(told)) is ("echo" not in after)
    assert home.files() == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_package(home: Home) -> None:
    """The version of a package is read, which takes no time; the program is not asked."""
    package = home.path / "lib/opencode-ai"
    home.opencode = package / "bin/opencode"
    home.opencode.parent.mkdir(parents=True)
    home.has(GOOD.replace("1.2.3", "asked"))
    (package / "package.json").write_text('{\n "name": "opencode-ai",\n "version": "1.2.4"\n}\n')
    link = home.path / "o c/opencode"
    link.symlink_to(home.opencode)
    assert home.told().version == "1.2.4"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 'broken: x' >&2; exit 1", "broken: x"),
        ("exit 3", "exit code 3"),
    ],
)
def test_broken(home: Home, text: str, reason: str) -> None:
    """A program that is broken is there; the rest of the host is told all the same."""
    told = home.has(text).told()
    assert told.program == str(home.opencode)
    assert (told.version, told.sessions) == ("", ())
    assert dict(reasons(told))["opencode"].endswith(reason)
    assert dict(reasons(told))["sessions"]
    assert told.load is not None


def test_garbage(home: Home) -> None:
    """What is neither version nor sessions is told as that."""
    told = home.has("echo '<html>'").told()
    assert reasons(told) == [
        ("opencode", f"{home.opencode}: does not tell its version"),
        ("sessions", "opencode's answer is no list: '<html>'"),
    ]


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "zsh"])
def test_hangs(home: Home, shell: str) -> None:
    """A program that hangs is ended with all that it has started; the rest is told."""
    home.has("trap '' TERM; sleep 600 & sh -c 'sleep 600; :'; wait")
    told = home.told(shell, replace(home.wanted, seconds=1))
    assert told.program == str(home.opencode)
    # A machine that is busy may not be in time with another part.
    assert {
        ("opencode", f"{home.opencode}: it took too long"),
        ("sessions", "OpenCode took too long"),
    } <= set(reasons(told))
    assert_gone(home.mark)


def test_goes_on(home: Home) -> None:
    """What a program starts while it is being ended is ended, too."""
    home.has("while :; do sleep 600 & sleep 0.01; done")
    told = home.told(wanted=replace(home.wanted, seconds=1))
    assert ("sessions", "OpenCode took too long") in reasons(told)
    assert_gone(home.mark)


def test_endless(home: Home) -> None:
    """What prints without end is cut, and the other parts are whole."""
    output = home.has('[ "$1" = --version ] && exec yes; exec yes "$1"').run(home.wanted)
    told = read_answer(output, "f00d")
    assert told is not None
    assert dict(reasons(told))["opencode"] == f"{home.opencode}: the answer was cut off"
    assert told.load is not None
    assert len(output) < 20 << 20
    assert_gone(home.mark)


HASTY = """
exec "{python}" -c '
import os, sys
os.set_blocking(1, False)
try:
    os.write(1, b"[0" + b", 0" * 70_000)
    os.write(1, b"{row}]")
except BlockingIOError:
    pass
'
"""


def test_hasty(home: Home) -> None:
    """What OpenCode does not wait for a pipe to take is not lost, and no file is left of it."""
    row = ', {"id": "ses_last", "directory": "/p"}'.replace('"', '\\"')
    home.has(HASTY.format(python=sys.executable, row=row))
    folder = home.path / "tmp"
    folder.mkdir()
    told = home.told(TMPDIR=str(folder))
    assert [one.id for one in told.sessions] == ["ses_last"]
    assert list(folder.iterdir()) == []


def test_missing_path(home: Home) -> None:
    """A configured path where nothing is, is told; what is found elsewhere is used."""
    told = home.told(wanted=replace(home.wanted, opencode_path="~/nowhere/opencode"))
    assert ("opencode", "there is no program at opencode_path") in reasons(told)


@pytest.mark.parametrize("path", ["~/o c/opencode", "my-oc"])
def test_path(home: Home, path: str) -> None:
    """A path may begin at home, or be a name that is looked for."""
    home.has(GOOD)
    (home.opencode.parent / "my-oc").symlink_to(home.opencode)
    search = f"{home.opencode.parent}:{os.environ['PATH']}"
    told = home.told(wanted=replace(home.wanted, opencode_path=path), PATH=search)
    assert told.program in {str(home.opencode), str(home.opencode.with_name("my-oc"))}


NOISE = 'echo "Welcome to $(hostname)"; printf "f00d part host\\nsystem Fake\\n"; '


def test_noise(home: Home) -> None:
    """What a profile prints before, and a logout after, is not taken for anything."""
    home.has(GOOD)
    done = subprocess.run(
        ["bash", "-c", f"{NOISE} sh -s; {NOISE}"],
        input=script(home.wanted, "f00d"),
        env=home.environment(LC_ALL="tr_TR.UTF-8", SHELLOPTS="nounset"),
        capture_output=True,
        check=False,
    )
    told = read_answer(done.stdout, "f00d")
    assert told is not None
    assert not told.system.startswith("Fake")
    assert [one.id for one in told.sessions] == ["ses_db"]
    assert reasons(told) == []


@contextmanager
def listening(
    name: str, directory: Path, host: str = "127.0.0.1", **environment: str
) -> Iterator[tuple[int, int]]:
    """Run a process of this name that listens; yield its pid and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with subprocess.Popen(
        [name, "-c", LISTENER, host, "0", str(int(family))],
        executable=sys.executable,
        cwd=directory,
        env={**os.environ, "PYTHONHOME": sys.base_prefix, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


def of(home: Home, pid: int, proc: str = "/proc") -> list[Place]:
    """Return what the script tells of one process."""
    found = read_servers(home.run(Wanted(40, servers_only=True, proc=proc)), "f00d")
    assert found is not None
    return [place for place in found if place.server.pid == pid]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_servers(home: Home, host: str) -> None:
    """A server is found by its process, with its directory, wherever it listens."""
    directory = home.path / "a b\n$(id)'å"
    directory.mkdir(parents=True)
    with listening("opencode", directory, host) as (pid, port):
        (place,) = of(home, pid)
    assert (place.server.port, place.server.directory) == (port, str(directory))
    assert place.server.address == {"::1": "::1"}.get(host, "127.0.0.1")
    assert not place.server.managed


def test_others(home: Home) -> None:
    """What is not OpenCode is not told; a router is told as one."""
    with listening("python3", home.path) as (pid, _), listening("ocr-router", home.path) as (us, _):
        assert of(home, pid) == []
        assert [place.is_router for place in of(home, us)] == [True]


def test_password(home: Home) -> None:
    """The password of a server that a router has started comes with it; nobody else's does."""
    secret = {"OPENCODE_SERVER_PASSWORD": "hush"}
    with listening("opencode", home.path, **secret) as (pid, _):
        assert of(home, pid)[0].authorization is None
    with listening("opencode", home.path, OCR_SERVER_ID="x", **secret) as (pid, _):
        (place,) = of(home, pid)
    assert place.authorization == basic("opencode", "hush")
    assert place.server.managed


@pytest.mark.skipif(not shutil.which("lsof"), reason="needs lsof")
def test_without_proc(home: Home) -> None:
    """Where there is no /proc, lsof and ps tell the same."""
    with listening("opencode", home.path) as (pid, port):
        (place,) = of(home, pid, proc="/nonexistent")
    assert (place.server.port, place.server.directory) == (port, str(home.path))


def test_time(home: Home, measure: Measure) -> None:
    """The script itself takes a fraction of a second."""
    home.has(GOOD)
    series = []
    for _ in range(5):
        began = time.perf_counter()
        home.told()
        series.append(time.perf_counter() - began)
    measure("probe script, without OpenCode's own time", series)
