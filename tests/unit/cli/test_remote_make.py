"""What is made on a host."""

from __future__ import annotations

import io
import sys

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter.core.fleet.control import Failed, Foreground
from opencoderouter.core.fleet.model import ProjectRef, SessionRef

SHOP = ProjectRef("web1", "/srv/shop")


@pytest.fixture(autouse=True)
def reached(ocr: Ocr) -> None:
    """Leave out the host that is not reached."""
    fleet = ocr.opened.fleet.value
    ocr.opened.fleet.set(fleet.of([e.host for e in fleet.entries.values() if e.good]))


@pytest.mark.parametrize(
    ("command", "call", "value"),
    [
        (("new", "web1", "/srv/shop/"), ("new", SHOP, "", ""), "ses_new"),
        (
            ("new", "web1", "/srv/shop", "--prompt", "Do it", "--agent", "plan"),
            ("new", SHOP, "Do it", "plan"),
            "ses_new",
        ),
        (("start", "web1", "~/x y"), ("start", ProjectRef("web1", "~/x y")), "4096"),
        (("restart", "web1", "/srv/shop"), ("restart", SHOP), ""),
        (
            ("clone", "web1", "https://h/r.git", "/srv/r"),
            ("clone", "web1", "https://h/r.git", "/srv/r"),
            "/srv/r",
        ),
        (("clone", "web1", "https://h/r.git"), ("clone", "web1", "https://h/r.git", "~/r"), "~/r"),
    ],
)
def test_what_is_asked(
    ocr: Ocr, command: tuple[str, ...], call: tuple[object, ...], value: str
) -> None:
    """The fleet is asked as it was typed, of that host only; what came of it is data."""
    code, out, err = ocr(*command)
    assert (code, out) == (0, f"{value}\n" if value else "")
    assert err == f"ocr: {call[0]}: done\n"
    assert ocr.calls == [call]
    assert ocr.opened.opened[0][1] == ("web1",)


def test_a_prompt_from_stdin(ocr: Ocr, monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is what comes there."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nb\n"))
    ocr("new", "web1", "/srv/shop", "--prompt", "-")
    assert ocr.calls == [("new", SHOP, "a\nb\n", "")]


def test_attaching_to_what_was_made(ocr: Ocr) -> None:
    """The terminal goes to the new session, and its exit code is ours."""
    program = (sys.executable, "-c", "raise SystemExit(7)")
    ocr.opened.control.answers["attach"] = Foreground(program, "ssh web1")
    code, out, _ = ocr("new", "web1", "/srv/shop", "--attach")
    assert (code, out) == (7, "")
    assert ocr.calls[1] == ("attach", SessionRef("web1", "ses_new", "/srv/shop"))


def test_progress_is_narration(ocr: Ocr) -> None:
    """It goes to stderr, and moves no cursor."""
    ocr.opened.control.progress = ("50%\r", "done")
    assert ocr("clone", "web1", "u", "/t")[1:] == ("/t\n", "  50%\\r\n  done\nocr: clone: done\n")


def test_a_clone_without_a_name(ocr: Ocr) -> None:
    """Where the address has none, the directory has to be said."""
    code, _, err = ocr("clone", "web1", "https://h/..")
    assert (code, ocr.opened.opened) == (2, [])
    assert err == "ocr: https://h/..: this names no directory, TARGET is needed\n"


@pytest.mark.parametrize("command", ["new", "clone", "start", "restart"])
def test_one_host_is_wanted(ocr: Ocr, command: str) -> None:
    """A pattern is none."""
    assert ocr(command, "web*", "/srv") == (2, "", "ocr: web*: must be one host\n")
    assert ocr.opened.opened == []


@pytest.mark.parametrize("command", ["new", "start", "restart"])
@pytest.mark.parametrize("directory", ["relative", "", "a:/b"])
def test_what_is_no_directory(ocr: Ocr, command: str, directory: str) -> None:
    """It is refused before anybody is asked."""
    code, _, err = ocr(command, "web1", directory)
    assert (code, ocr.opened.opened) == (2, [])
    assert err == f"ocr: {directory}: must be a directory: /... or ~/...\n"


@pytest.mark.parametrize("command", ["new", "clone", "start"])
@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "a;id", "a\n"])
def test_what_is_no_host(ocr: Ocr, command: str, host: str) -> None:
    """It never comes near a command line of ssh's."""
    code, _, err = ocr(command, "--", host, "/srv")
    assert (code, ocr.opened.opened, err.count("\n")) == (2, [], 1)
    assert "this is no host" in err


def test_a_host_that_is_not_reached(ocr: Ocr) -> None:
    """Nothing is asked of it: exit code 3."""
    from tests.unit.cli.conftest import WEB2, fleet

    ocr.opened.fleet.set(fleet(WEB2))
    assert ocr("new", "web2", "/srv") == (3, "", "ocr: web2: Connection refused\n")
    assert ocr.calls == []


def test_what_was_not_made(ocr: Ocr) -> None:
    """It is told why, all of it."""
    ocr.opened.control.answers["clone"] = Failed("clone: no", "fatal: not found")
    assert ocr("clone", "web1", "u") == (1, "", "ocr: clone: no\n  fatal: not found\n")


def test_stdin_cannot_be_both(ocr: Ocr) -> None:
    """A session that has the terminal cannot have its prompt from there."""
    assert ocr("new", "web1", "/srv", "--prompt", "-", "--attach")[0] == 2
