"""Names of hosts in configurations of ssh. What ssh itself makes of them: ``tests/wire``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.descriptors import no_descriptors

from opencoderouter.fleet.ssh_config import Aliases, aliases, home, system


class Home:
    """A home directory with configurations of ssh."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ssh = path / ".ssh"
        self.ssh.mkdir()

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of ``~/.ssh``."""
        path = self.ssh / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, content: str | bytes = "") -> Aliases:
        """Return what ssh's own file says, with this content."""
        return aliases(self.write("config", content), self.path)


@pytest.fixture(name="user")
def make_user(tmp_path: Path) -> Home:
    """Return a home directory."""
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Host a b\nHost c", "a b c"),
        ("Host=a b", "a b"),
        ("Host = a", "a"),
        ("Host==a", "=a"),
        ('Host"a"', ""),
        ('"Host" a', "a"),
        ("\t hOST\t  a\t\r\n", "a"),
        ("#Host a\n # Host b\nHost c # d", "c"),
        ("Host a#b", "a#b"),
        ("Host 'a'#b c", "a#b c"),
        ('Host "a" # "b', "a"),
        ('Host a"b"c', "abc"),
        ("Host a'b'\"c\"", "abc"),
        ("Host * a*b c?d !e f", "f"),
        ("Host a !a b", "b"),
        ("Host a* !ab ab ac", "ac"),
        ("Host b a\nHost a b", "b a"),
        ("Hostname a\nHosts b\nXHost c", ""),
        ("Host\nHost \nHost =\nHost # a", ""),
        ("Host a\0b\nHost c", "a c"),
        ("Host a\fb", ""),
        ("Host a\n    HostName b\n    User c\nMatch host d originalhost e\n    Port 1", "a"),
    ],
)
def test_lines(user: Home, text: str, expected: str) -> None:
    """Names are what ssh reads as names, each once, in order."""
    assert user.read(text).names == tuple(expected.split())


@pytest.mark.parametrize(
    "word", ["-oProxyCommand=id", '"a b"', "a\\ b", "me@a", "ssh://a", "$(id)", "a;b", "\x1b[2J"]
)
def test_refused(user: Home, word: str) -> None:
    """What cannot be given to ssh as a host is left out, and said, on one plain line."""
    found = user.read(f"Host a\nHost b {word} c\n")
    assert found.names == ("a", "b", "c")
    (problem,) = found.problems
    assert problem.startswith(f"{user.ssh}/config line 2: the host ")
    assert problem.isprintable()


def test_open_quote(user: Home) -> None:
    """A quote that is not closed, at which ssh stops, is a problem; an escaped one closes none."""
    for line in ('Host "a', "Include 'a", r'Host "a\"'):
        found = user.read(f"{line}\nHost b")
        assert found.names == ("b",)
        assert found.problems == (f"{user.ssh}/config line 1: its quotes are not closed",)


def test_include(user: Home) -> None:
    """Included files are read where they stand: relative to ~/.ssh, by ~, in globs, sorted."""
    user.write("one", "Host one")
    user.write("conf.d/2", "Include deeper\nHost two")
    user.write("conf.d/10", "Host ten")
    user.write("conf.d/.hidden", "Host hidden")
    user.write("deeper", "Host deep")
    absolute = user.write("abs", "Host absolute")
    (user.path / "elsewhere").write_text("Host far")
    found = user.read(
        f"Include one conf.d/* missing nothing-*\n"
        f"Include ~/elsewhere '{absolute}' # x\nHost last one\n"
    )
    assert found.names == ("one", "ten", "deep", "two", "far", "absolute", "last")
    read = "config one conf.d/10 conf.d/2 deeper ../elsewhere abs".split()
    assert [os.path.relpath(path, user.ssh) for path in found.files] == read
    assert found.problems == ()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("Host *", "x y"),
        ("Host x", "x"),
        ("Host x !x", ""),
        ("Host ? !y", "x"),
        ("Match host x", "x y"),
        ("Match all", "x y"),
        ("Host z\nMatch exec true", "z x y"),
    ],
)
def test_include_inside_a_block(user: Home, block: str, expected: str) -> None:
    """Names of a file that is included for some hosts only are names if they can be of these."""
    user.write("inner", "Host x\nInclude innermost")
    user.write("innermost", "Host y x")
    found = user.read(f"{block}\n  Include innermost\n")
    assert set(found.names) == set(expected.split())


def test_nested_blocks(user: Home) -> None:
    """Every block around a name must have it."""
    user.write("inner", "Host b*\n  Include innermost\nHost bc")
    user.write("innermost", "Host abc bcd bc ac")
    assert user.read("Host *c\n  Include inner").names == ("bc",)


def test_cycles(user: Home) -> None:
    """A file that includes itself, in whatever way, is read once and said."""
    user.write("a", "Include b\nHost a")
    user.write("b", "Include ../.ssh/link config\nHost b")
    (user.ssh / "link").symlink_to(user.ssh / "a")
    found = user.read("Include a\nHost c")
    assert found.names == ("b", "a", "c")
    assert found.problems == (
        f"{user.ssh}/b line 1: {user.ssh}/../.ssh/link includes itself",
        f"{user.ssh}/b line 1: {user.ssh}/config includes itself",
    )


def test_deep(user: Home) -> None:
    """Sixteen files within files are read, as by ssh; the next is left out and said."""
    for level in range(1, 20):
        user.write(str(level), f"Include {level + 1}\nHost h{level}")
    found = user.read("Include 1")
    assert found.names == tuple(f"h{level}" for level in range(16, 0, -1))
    assert found.problems == (
        f"{user.ssh}/16 line 1: {user.ssh}/17 is left out: too many files are included",
    )


def test_explosion(user: Home) -> None:
    """Files that include each other many times end at a thousand reads."""
    for level in range(1, 15):
        user.write(str(level), f"Include {level + 1} {level + 1}\nHost h{level}")
    assert "too many files" in user.read("Include 1").problems[-1]


def test_files_that_cannot_be_read(user: Home) -> None:
    """A directory, a pipe and a link that goes round are problems; nothing waits for them."""
    (user.ssh / "folder").mkdir()
    os.mkfifo(user.ssh / "pipe")
    (user.ssh / "round").symlink_to(user.ssh / "round")
    found = user.read("Include folder pipe\nInclude round\nHost a")
    assert found.names == ("a",)
    assert found.problems[:2] == (
        f"{user.ssh}/folder: it is no regular file",
        f"{user.ssh}/pipe: it is no regular file",
    )


def test_unreadable(user: Home) -> None:
    """A file that is there and cannot be opened is a problem (root may open what is forbidden)."""
    path = user.write("config", "Host a")
    with no_descriptors():
        found = aliases(path, user.path)
    assert found == Aliases(
        files=(path,), problems=(f"{path}: it cannot be read: Too many open files",)
    )


def test_missing(user: Home) -> None:
    """That ssh's own file is missing is well; that a named one is missing is a problem."""
    assert aliases(user.ssh / "config", user.path).problems == ()
    named = user.path / "fleet"
    assert aliases(named, user.path).problems == (
        f"{named}: it cannot be read: No such file or directory",
    )
    assert aliases(Path(os.devnull), user.path).problems == ()


def test_named_file(user: Home) -> None:
    """A file that is named includes relative to ~/.ssh, too, wherever it is."""
    user.write("inner", "Host x")
    named = user.path / "fleet"
    named.write_text("Include inner")
    assert aliases(named, user.path).names == ("x",)


def test_not_utf8(user: Home) -> None:
    """Octets that are no UTF-8 are no matter to ssh; a name with them is left out and said."""
    found = user.read(b"# caf\xe9\nHost a\nHost caf\xe9 b\nInclude \xff*\n")
    assert found.names == ("a", "b")
    (problem,) = found.problems
    assert problem.startswith(rf"{user.ssh}/config line 3: the host 'caf\udce9' is left out")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Match host a exec "on-vpn"', True),
        ("Match !localnetwork 10.0.0.0/8", True),
        ("Match host execute", False),
        ("Host exec", False),
    ],
)
def test_shifting(user: Home, text: str, *, expected: bool) -> None:
    """It is said when a name can mean another thing while no file changes."""
    assert user.read(text).shifting is expected


def test_system(tmp_path: Path) -> None:
    """The configuration of the machine includes relative to itself; it may be missing."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.conf").write_text("Host x")
    path = tmp_path / "ssh_config"
    assert system(path) == Aliases(files=(path,))
    path.write_text("Include d/*.conf")
    assert system(path) == Aliases(("x",), (path, tmp_path / "d" / "x.conf"))


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The home directory is that of the user database, as for ssh, whatever HOME says."""
    expected = home()
    monkeypatch.setenv("HOME", "/nonexistent")
    assert home() == expected
