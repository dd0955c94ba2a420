"""What gets the terminal."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

import pytest
from tests.unit.cli.conftest import WEB2, Ocr, entry, fleet

from opencoderouter.cli import remote_terminal
from opencoderouter.core.fleet.control import Failed, Foreground
from opencoderouter.core.fleet.model import HostState, Report, SessionRef


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a terminal."""
    monkeypatch.setattr(remote_terminal, "_see_terminal", lambda _: None)


def program(script: str) -> Foreground:
    """Return a program of Python."""
    return Foreground((sys.executable, "-c", script), "shown", {"TOLD": "yes"})


@pytest.mark.usefixtures("terminal")
def test_attach_runs_what_attaches(ocr: Ocr) -> None:
    """With its environment; its exit code is ours."""
    script = (
        "import os; raise SystemExit(5 if os.environ['TOLD'] == 'yes' and os.getenv('HOME') else 1)"
    )
    ocr.opened.control.answers["attach"] = program(script)
    assert ocr("attach", "ses_bbb1")[0] == 5
    assert ocr.calls == [("attach", SessionRef("web3", "ses_bbb1", "/home/me/wall"))]


@pytest.mark.usefixtures("terminal")
def test_the_keys_of_the_terminal_are_the_programs(ocr: Ocr) -> None:
    """Ctrl+C reaches us as well, but ends the program only; then it is ours again."""
    script = "import os, signal; os.kill(os.getppid(), signal.SIGINT); raise SystemExit(4)"
    ocr.opened.control.answers["attach"] = program(script)
    assert ocr("attach", "ses_bbb1")[0] == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("terminal")
def test_a_program_that_a_signal_ends(ocr: Ocr) -> None:
    """The exit code is as a shell has it."""
    script = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    ocr.opened.control.answers["attach"] = program(script)
    assert ocr("attach", "ses_bbb1")[0] == 128 + signal.SIGTERM


@pytest.mark.usefixtures("terminal")
def test_a_program_that_is_not_there(ocr: Ocr) -> None:
    """It is named."""
    ocr.opened.control.answers["attach"] = Foreground(("/no/such/ssh",), "")
    assert ocr("attach", "ses_bbb1") == (1, "", "ocr: /no/such/ssh: No such file or directory\n")


@pytest.mark.usefixtures("terminal")
def test_what_cannot_be_attached_to(ocr: Ocr) -> None:
    """It is told why."""
    ocr.opened.control.answers["attach"] = Failed("it is gone")
    assert ocr("attach", "ses_bbb1") == (1, "", "ocr: it is gone\n")


@pytest.mark.usefixtures("terminal")
def test_login_does_one_step_after_another(ocr: Ocr) -> None:
    """Each is shown before it is run; then the host is asked again."""
    ocr.opened.control.answers["login"] = (program(""), program("raise SystemExit(0)"))
    locked = replace(WEB2, report=Report(HostState.AUTH_REQUIRED, 1.0, reason="password"))
    ocr.opened.fleet.set(fleet(locked))
    code, _, err = ocr("login", "web2")
    assert (code, err) == (3, "ocr: shown\nocr: shown\nocr: web2: password\n")
    assert ocr.opened.asked == 2


@pytest.mark.usefixtures("terminal")
def test_login_ends_with_the_first_step_that_fails(ocr: Ocr) -> None:
    """What follows would not help."""
    ocr.opened.control.answers["login"] = (program("raise SystemExit(255)"), program(""))
    code, _, err = ocr("login", "web2")
    assert (code, err) == (1, "ocr: shown\nocr: this ended with exit code 255\n")


@pytest.mark.usefixtures("terminal")
def test_login_where_nothing_is_wanted(ocr: Ocr) -> None:
    """It says so, and runs nothing."""
    ocr.opened.fleet.set(fleet(entry("a", Report(HostState.ONLINE, 1.0))))
    assert ocr("login", "a") == (0, "", "ocr: a: lets us in already\n")
    assert ocr.calls == []


@pytest.mark.parametrize("command", [("attach", "ses_bbb1"), ("login", "web1")])
def test_without_a_terminal(ocr: Ocr, command: tuple[str, ...]) -> None:
    """Nothing is run."""
    code, _, err = ocr(*command)
    assert (code, err, ocr.opened.opened) == (2, f"ocr: {command[0]}: needs a terminal\n", [])
